// Bars of several series side by side: flot itself draws them over one another.
(function ($) {
    "use strict";

    function beside(plot, series, datapoints) {
        var bars = series.bars;
        if (!bars.show || bars.order === undefined) {
            return;
        }
        // Orders count from 1; the middle of the group is where its label stands.
        var shift = (bars.order - (plot.getData().length + 1) / 2) * bars.barWidth;
        for (var i = 0; i < datapoints.points.length; i += datapoints.pointsize) {
            if (datapoints.points[i] !== null) {
                datapoints.points[i] += shift;
            }
        }
    }

    $.plot.plugins.push({
        init: function (plot) {
            plot.hooks.processDatapoints.push(beside);
        },
        name: "orderBars",
        version: "1.0"
    });
})(jQuery);
