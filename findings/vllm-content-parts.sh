#!/bin/sh
# Library: vllm 0.33.0, its own message code; PyTorch and the rest of it are not needed for this and
# are replaced by empty modules. Seen with Python 3.11, openai 3.57.0, November 2026. The wheel is
# large (about half a gigabyte).
#
# Guess before: text parts of a message are joined by a line end, each of them; and a plain text stays
# a text, so that only people who send parts see how a template treats parts.
#
# Seen: an empty text part adds no line end where the template wants a text, and stays a part where
# the template walks over parts. In the second case a plain text becomes a list of one part, for every
# role but tool. A template that walks over the parts of a user's content, and prints a system message
# as it is, therefore gets a list for the system message and prints it as Python does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai==3.57.0 jinja2
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$folder" vllm==0.33.0
"$folder/venv/bin/python" - "$folder"/vllm-*.whl <<'PYTHON'
import importlib.util
import json
import sys
import types
import warnings
import zipfile
from unittest.mock import MagicMock

import jinja2

ROOM = "vllm.renderers.chat_utils"
warnings.simplefilter("ignore")


class Absent:
    """Finds an empty module for everything that the message code imports and does not need."""

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("torch", "PIL", "vllm", "openai_harmony"):
            return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        return MagicMock(name=spec.name, __path__=[], __spec__=spec)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Absent())
wheel = zipfile.ZipFile(sys.argv[1])
for file in ("types", "chat_message"):
    module = types.ModuleType(f"{ROOM}.{file}")
    module.__package__ = ROOM
    sys.modules[module.__name__] = module
    exec(wheel.read(f"{ROOM.replace('.', '/')}/{file}.py"), module.__dict__)


class Tracker:
    """There is no media."""

    def __init__(self, *args, **kwargs):
        self.model_config = types.SimpleNamespace(multimodal_config=None)

    def create_parser(self, **kwargs):
        return self

    def mm_placeholder_storage(self):
        return {}

    def resolve_items(self):
        return None, None


module.MultiModalItemTracker = Tracker
module._reject_reserved_placeholder_in_text = lambda *args: None


def served(messages, content_format):
    return module.parse_chat_messages(messages, Tracker().model_config, content_format)[0]


parts = [{"type": "text", "text": text} for text in ("a", "", "b")]
(text,) = served([{"role": "user", "content": parts}], "string")
(kept,) = served([{"role": "user", "content": parts}], "openai")
print("joined", json.dumps(text))
print("parts ", json.dumps(kept))
assert text["content"] == "a\nb"
assert [part["text"] for part in kept["content"]] == ["a", "", "b"]

chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
given = served(chat, "openai")
template = "{{ messages[0].content }} {% for part in messages[1].content %}{{ part.text }}{% endfor %}"
prompt = jinja2.Template(template).render(messages=given)
print("prompt", prompt)
assert prompt == "[{'type': 'text', 'text': 'Be brief.'}] Hi"
PYTHON
