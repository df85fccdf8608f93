'use strict';

// Adds to asv's pages what is in overview.json: a line about noise on every page, and on the first
// page the regressions and the newest values. Written for this project.
$(document).ready(function () {
    const bar = $('<div id="noise" role="note"/>').appendTo('#nav');
    const panel = $('<div id="overview-panel"/>');
    const loaded = $.ajax({url: 'overview.json', dataType: 'json', cache: false});

    // The pages begin below the bar, which has more lines in a narrow window.
    function make_room() {
        document.documentElement.style.setProperty('--bar', $('#nav').outerHeight() + 'px');
    }
    $(window).on('resize', make_room);

    loaded.done(function (overview) {
        bar.text(overview.noise);
        make_room();
    }).fail(function () {
        $.asv.ui.network_error();
    });

    // asv draws a curve with one point as nothing. It should be seen that there is a value.
    const plot = $.plot;
    $.plot = $.extend(function (place, data, options) {
        if ($(place).hasClass('benchmark-plot')) {
            data.forEach(series => { series.points = {show: series.data.length == 1}; });
        }
        return plot(place, data, options);
    }, plot);

    function address(name, params) {
        const values = Object.entries(params).map(([key, value]) => [key, [value]]);
        return $.asv.format_hash_string({location: [name], params: Object.fromEntries(values)});
    }

    function selected(params) {
        return Object.fromEntries(Object.entries(params).map(([k, v]) => ['p-' + k, v]));
    }

    function commit(hash) {
        return hash.slice(0, $.asv.main_json.hash_length);
    }

    function times(ratio) {
        return ratio === null ? 'from 0' : ratio.toFixed(2) + '×';
    }

    function day(milliseconds) {
        return new Date(milliseconds).toISOString().slice(0, 10);
    }

    function row(cells, kind) {
        const tr = $('<tr/>');
        cells.forEach(cell => tr.append($(kind || '<td/>').append(
            cell instanceof $ ? cell : document.createTextNode(cell))));
        return tr;
    }

    function table(id, heads, rows) {
        return $('<table class="table table-condensed table-hover"/>').attr('id', id).append(
            $('<thead/>').append(row(heads, '<th/>')), $('<tbody/>').append(rows));
    }

    function link(text, href) {
        return $('<a/>').text(text).attr('href', href);
    }

    function regressions(steps) {
        if (!steps.length) {
            return $('<p id="regression-steps"/>').text('asv found no regression.');
        }
        return table(
            'regression-steps', ['slower by', 'series', 'before', 'after', 'commit', 'date'],
            steps.map(step => row([
                $('<strong/>').text(times(step.ratio)),
                link(step.shown, address(step.name, {
                    ...several(step.environment), ...selected(step.params),
                    commits: step.commits.join('-'),
                })),
                $.asv.pretty_unit(step.before, step.unit),
                $.asv.pretty_unit(step.after, step.unit),
                step.commits.map(commit).join(' … '),
                day(step.date),
            ])));
    }

    // The page of a graph draws all values of what the address does not name.
    function several(environment) {
        return Object.fromEntries(Object.entries(environment).filter(
            ([name]) => ($.asv.main_json.params[name] || []).length > 1));
    }

    function values(overview) {
        const heads = ['benchmark', 'lowest', 'highest', 'series', 'commit', 'change (mean)',
            'largest change', ''];
        return table('newest-values', heads, overview.benchmarks.map(function (each) {
            const change = each.change;
            return row([
                link(each.name, address(each.name, overview.environment)),
                $.asv.pretty_unit(each.low, each.unit),
                $.asv.pretty_unit(each.high, each.unit),
                String(each.series),
                commit(each.commit),
                !change ? 'one commit' : change.mean === null ? ''
                    : times(change.mean) + ' since ' + commit(change.before),
                change && change.params ? link(
                    times(change.most) + ' ' + Object.values(change.params).join(', '),
                    address(each.name, {...overview.environment, ...selected(change.params)}))
                    : change ? 'none since ' + commit(change.before) : '',
                each.by_strategy ? link(
                    'by strategy',
                    address(each.name, {...overview.environment, 'x-axis': 'strategy'})
                ).attr('title', 'the newest values, with the strategy on the x axis') : '',
            ]);
        }));
    }

    // This stands above what asv draws on its first page.
    function show() {
        loaded.done(function (overview) {
            panel.append(
                $('<h2/>').text('Regressions'), regressions(overview.regressions),
                $('<h2/>').text('Newest values'),
                $('<p/>').text(overview.label + '. Lower is better, except in throughput and scaling.'),
                values(overview),
                $('<h2/>').text('All commits, mean of all environments'));
            $('#summarygrid-display').prepend(panel);
        });
    }

    // asv does not say when it has loaded index.json. Before that, main_json is empty.
    const waiting = setInterval(function () {
        if ($.asv.main_json.benchmarks) {
            clearInterval(waiting);
            show();
        }
    }, 20);
});
