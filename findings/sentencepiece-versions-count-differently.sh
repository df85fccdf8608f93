#!/bin/sh
# Libraries: sentencepiece 0.2.1 and 0.2.3, protobuf 7.36.2. Seen with Python 3.11, November 2026.
#
# Guess before: a `.model` file gives a text the same pieces in every release of sentencepiece 0.2,
# since the file holds all that decides about them.
#
# Seen: five rules differ between 0.2.1 and 0.2.3. Unigram: how sums of scores are rounded; that sums
# beyond 100,000 are set back to zero; what a user-defined piece is worth. BPE: what becomes of a
# character that is an unused piece; whether zero and minus zero are the same score. A trained model
# reaches the first rule if two ways to divide a text are nearly as good, and the second if the text is
# long. The others take a model that was changed, or a restricted vocabulary.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/counts.py" <<'PYTHON'
import json

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

UNIGRAM, BPE, USER_DEFINED, UNUSED = 1, 2, 4, 5


def count(kind, scores, text, **types):
    model = sentencepiece_model_pb2.ModelProto()
    model.pieces.add(piece="<unk>", score=0, type=2)
    for piece, score in scores.items():
        model.pieces.add(piece=piece, score=score, type=types.get(piece, 1))
    model.trainer_spec.model_type = kind
    model.normalizer_spec.add_dummy_prefix = False
    library = sentencepiece.SentencePieceProcessor()
    library.LoadFromSerializedProto(model.SerializeToString())
    return len(library.encode(text))


tie = {"a": -3.1, "b": -3.3, "c": -0.2, "ab": -0.4, "bc": -1.1, "abc": -2.6, "ca": -3.3}
far = {"a": -2.5, "b": -2.6, "c": -0.6, "ab": -1.3, "bc": -3.2, "abc": -3.9, "ca": -1.9, "x": -9999.9}
bpe = {"a": -9.0, "b": -8.0, "c": -7.0, "d": -7.0, "ab": -0.0, "bc": 0.0, "cd": -1.0}
print(
    json.dumps(
        {
            "rounding": count(UNIGRAM, tie, "ccccccaaabcb"),
            "sums beyond 100,000": count(UNIGRAM, far, "xxxxxxxxxxxbcbbcccccccb"),
            "user-defined": count(UNIGRAM, {"a": 0.04, "b": 0.04, "ab": 0.0}, "ab", ab=USER_DEFINED),
            "unused": count(BPE, {"a": -9.0, "b": -8.0, "ab": -1.0}, "aa", a=UNUSED),
            "minus zero": count(BPE, bpe, "abcd"),
        }
    )
)
PYTHON
for version in 0.2.1 0.2.3; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        "sentencepiece==$version" protobuf==7.36.2
    "$folder/$version/bin/python" "$folder/counts.py" > "$folder/$version.json"
done
python3 - "$folder/0.2.1.json" "$folder/0.2.3.json" <<'PYTHON'
import json
import sys
from pathlib import Path

old, new = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
for rule in old:
    print(f"{rule}: {old[rule]} tokens by 0.2.1, {new[rule]} by 0.2.3")
assert all(old[rule] != new[rule] for rule in old)
PYTHON
