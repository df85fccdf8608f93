"""Count again and again, each time this is asked to: the program that runs a revision.

It is a script, and runs with the packages of that revision. So it uses only names that every
revision has, and it imports nothing from `bench`.

The only argument is a JSON object: `tokenizer`, `dataset`, `strategy`, `workers`, `cores`, and
`options` for `load_chat`. A line of JSON is written when it is ready, and one with the seconds for
each line that is read.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import time


def main() -> None:
    """Load, count once, say what came of it, then count whenever a line comes."""
    task = json.loads(sys.argv[1])
    # Libraries may print, so that the answers need a way of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**members: object) -> None:
        print(json.dumps(members), file=answers, flush=True)

    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, task["cores"])
        started = time.perf_counter()
        import strategies
        from strategies import _native

        chat = strategies.load_chat(task["tokenizer"], **task["options"])
        chosen = strategies.get(task["strategy"])
        reason = chosen.availability(chat)
        if reason is not None:
            answer(unavailable=reason)
            return
        opening = time.perf_counter() - started
        conversations = strategies.read_conversations(task["dataset"])
        started = time.perf_counter()
        with chosen.open(chat, workers=task["workers"]) as counter:
            opening += time.perf_counter() - started
            counts = counter.count(conversations)
            flat = [isl for turns in counts for isl in turns]
            wrong: list[object] = []
            if task["verify"]:
                name, workers = task["strategy"], task["workers"]
                wrong = [*strategies.verify(name, conversations, chat, workers=workers)]
            answer(
                file=strategies.__file__,
                build_profile=getattr(_native, "build_profile", None),
                cold_seconds=opening,
                conversations=len(conversations),
                turns=len(flat),
                tokens=sum(isl or 0 for isl in flat),
                digest=hashlib.sha256(json.dumps(counts).encode()).hexdigest(),
                family=str(getattr(chat, "fingerprint", {}).get("family", "")),
                mismatches=len(wrong),
                first=str(wrong[0]) if wrong else None,
                note=getattr(counter, "note", None),
            )
            for _ in sys.stdin:
                gc.collect()
                started = time.perf_counter()
                counter.count(conversations)
                answer(seconds=time.perf_counter() - started)
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
