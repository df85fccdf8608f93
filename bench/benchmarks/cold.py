"""How long a new interpreter takes to import, load, count once and end."""

from __future__ import annotations

from pathlib import Path

from . import workloads


class Cold:
    """114 turns in 40 short chats on all cores: import, load, open, count once, close."""

    params = (workloads.STRATEGIES, workloads.FAMILIES)
    param_names = ("strategy", "family")
    version = workloads.version(1)
    number = 1
    repeat = (2, 2, 0)
    rounds = 1
    timeout = 120

    def setup(self, strategy: str, family: str) -> None:
        """Put the conversations where the new interpreter finds them."""
        workloads.use_cores(workloads.all_cores())
        workloads.require(strategy, family)
        workloads.checked("short-chat")
        Path("conversations.jsonl").write_bytes(workloads.sample("short-chat"))

    def timeraw_first_counts(self, strategy: str, family: str) -> str:
        """Count every turn in an interpreter that has imported nothing."""
        return f"""
            import strategies
            conversations = strategies.read_conversations("conversations.jsonl")
            chat = strategies.load_chat({str(workloads.tokenizer(family))!r})
            workers = {workloads.all_cores()}
            with strategies.get({strategy!r}).open(chat, workers=workers) as counter:
                counter.count(conversations)
        """
