"""Models of the sentencepiece library for the native core, each checked before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from strategies import _native
from strategies.chat.rendering import is_failure
from strategies.errors import UnavailableError, one_line
from strategies.splicing import markers_of

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

CHECK_PIECES = 200
"""Pieces of a vocabulary that are put into a check text, and as many of each rare kind."""

_TEXTS = (
    "Hello, it's 12345 o'clock!  \n\n\tfn main() {}  ",
    " leading and trailing ",
    "▁▁ ▁x ▁",
    "e\u0301te\u0301 Zürich ﬁ ½ Ⅷ ＡＢＣ ｶﾞ 日本語テキスト 안녕 하세요",
    "\u00a0\u2028\u3000x\u200b\u00ad ",
    "😀 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U00020bb7",
    'snake_case CamelCase <tag attr="v"/> 3.14e-10 \r\n\r\n \x00\x07\x1c\x7f\u0085\ufeff\ufffd',
    "हिन्दी العربية עברית ไทย Ελληνικά Русский İıſK\u0344\u1e9b\u0323",
    " " * 70 + "\n" * 9 + "a" * 70 + "\U0010ffff",
)
"""Texts that reach the rules of normalizing and dividing."""


def sentencepiece_reason(chat: ChatTokenizer) -> str | None:
    """Return None, or why the core cannot stand in for a tokenizer without a backend.

    What the model itself holds is looked at only when it is opened.
    """
    return next(_reasons(chat), None)


def _reasons(chat: ChatTokenizer) -> Iterator[str]:
    tokenizer = chat.tokenizer
    if not hasattr(tokenizer, "sp_model"):
        yield "it has neither a tokenizers backend nor a SentencePiece model for the native core"
        return
    markers = markers_of(chat)
    if isinstance(markers, str):
        yield markers
        return
    if getattr(tokenizer, "sp_model_kwargs", None):
        options = ", ".join(tokenizer.sp_model_kwargs)
        yield f"its SentencePiece library is set up with options of its own: {options}"
    if not markers.cuts <= tokenizer.get_added_vocab().keys():
        yield "a text that it cuts at is no token"
    if getattr(tokenizer, "adds_space", False) and any(text[0] == " " for text in markers.cuts):
        yield "a control piece may begin with the space that is put in front of a prompt"
    if _shields_spaces(tokenizer) and tokenizer.unk_token is None:
        yield "it has no unknown token, which it needs for text that begins with a space"


def sentencepiece_loader(chat: ChatTokenizer, *, workers: int) -> Callable[[], _native.Counter]:
    """Return what loads the model of a tokenizer into the core.

    Raises
    ------
    UnavailableError
        If the core cannot stand in for this tokenizer.
    """
    reason = sentencepiece_reason(chat) or _library_differs()
    if reason is not None:
        raise UnavailableError(reason)
    tokenizer = chat.tokenizer
    ids = tokenizer.get_added_vocab()
    added = tokenizer.added_tokens_decoder
    markers = markers_of(chat)
    assert not isinstance(markers, str)  # noqa: S101  # for the type checker; there was no reason
    tokens = [
        (text, token.lstrip, token.rstrip)
        for text, token in ((text, added[ids[text]]) for text in sorted(markers.cuts))
    ]
    model = tokenizer.sp_model.serialized_model_proto()
    adds_space = bool(getattr(tokenizer, "adds_space", False))
    shield = tokenizer.unk_token if _shields_spaces(tokenizer) else None

    def load() -> _native.Counter:
        return _native.Counter.of_sentencepiece(
            model, tokens, workers=workers, adds_space=adds_space, shield=shield
        )

    return load


def check_sentencepiece(chat: ChatTokenizer, native: _native.Counter) -> None:
    """Raise `UnavailableError` unless the core counts some texts as the loaded library does."""
    pieces = chat.tokenizer.sp_model.get_piece_size()
    if native.vocabulary != pieces:
        raise UnavailableError(
            f"the native core knows {native.vocabulary} of the {pieces} pieces of the vocabulary"
        )
    texts = list(_check_texts(chat))
    counts, _, _ = native.count_prompts([[text] for text in texts])
    for text, (count,) in zip(texts, counts, strict=True):
        try:
            expected = chat.lengths([text])[0]
        except BaseException as error:
            if not is_failure(error):
                raise
            raise UnavailableError(
                f"the sentencepiece library fails on a check text: {one_line(error)}"
            ) from error
        if count != expected:
            raise UnavailableError(
                f"the native core counts {count} tokens in a check, the sentencepiece library "
                f"{expected}"
            )


def _shields_spaces(tokenizer: Any) -> bool:
    """Whether transformers puts the unknown token in front of text that begins with a space."""
    return not tokenizer.legacy and bool(getattr(tokenizer, "drops_spaces", True))


def _check_texts(chat: ChatTokenizer) -> Iterator[str]:
    yield from _TEXTS
    markers = [token.content for token in chat.tokenizer.added_tokens_decoder.values()]
    yield "".join(f"{marker} Straße {marker}\n\nx" for marker in markers) + "the end"
    yield "".join(f" {marker}▁{marker}{marker}" for marker in markers)
    model = _protobuf().ModelProto.FromString(chat.tokenizer.sp_model.serialized_model_proto())
    rare: dict[int, list[str]] = {_USER_DEFINED: [], _UNUSED: []}
    for piece in model.pieces:
        if piece.type in rare:
            rare[piece.type].append(piece.piece)
    usual = model.pieces[:: max(1, len(model.pieces) // CHECK_PIECES)]
    for chosen in ([piece.piece for piece in usual], *rare.values()):
        texts = chosen[:CHECK_PIECES]
        yield "".join(texts)
        yield "".join(reversed(texts)).replace("▁", " ")
        yield " x".join(texts)


@cache
def _library_differs() -> str | None:
    """Return None, or that the installed library counts in another way than the core.

    Versions of the library differ in what hardly any model and text reaches. So it is asked on
    models that reach it, once.
    """
    import sentencepiece

    for content, texts in _conformance():
        library = sentencepiece.SentencePieceProcessor()
        library.LoadFromSerializedProto(content)
        native = _native.Counter.of_sentencepiece(content, [], workers=1)
        counts, _, _ = native.count_prompts([[text] for text in texts])
        if counts != [[len(library.encode(text))] for text in texts]:
            return (
                f"sentencepiece {sentencepiece.__version__} counts in another way than the native "
                "core in a check"
            )
    return None


_NORMAL, _USER_DEFINED, _UNUSED = 1, 4, 5


def _conformance() -> Iterator[tuple[bytes, Sequence[str]]]:
    """Yield models with texts whose counts differ between versions of the library."""
    unigram = {"a": -3.1, "b": -3.3, "c": -0.2, "ab": -0.4, "bc": -1.1, "abc": -2.6, "ca": -3.3}
    # Two ways to divide it have sums that differ by their rounding.
    yield _model(1, unigram), ["ccccccaaabcb"]
    far = {"a": -2.5, "b": -2.6, "c": -0.6, "ab": -1.3, "bc": -3.2, "abc": -3.9, "ca": -1.9}
    # Sums beyond 100,000 are set back to zero.
    yield _model(1, {**far, "x": -9999.9}), ["xxxxxxxxxxxbcbbcccccccb"]
    # What a user-defined piece is worth.
    worth = {"a": 0.04, "b": 0.04, "c": 0.06, "ab": 0.0, "bc": 0.0}
    yield _model(1, worth, ab=_USER_DEFINED, bc=_USER_DEFINED, c=_UNUSED), ["ab", "abcb", "acca"]
    bpe = {"a": -9.0, "b": -8.0, "c": -7.0, "d": -7.0, "ab": -0.0, "bc": 0.0, "cd": -1.0}
    # Zero comes before minus zero; of equal scores, the leftmost.
    yield _model(2, bpe), ["abcd", "bcd"]
    # What becomes of unused pieces.
    pieces = {"a": -9.0, "b": -8.0, "c": -7.0, "ab": -1.0, "abc": -2.0, "bc": -3.0}
    yield _model(2, pieces, a=_UNUSED, ab=_UNUSED), ["aa", "ab", "abc", "xabab", "aabca"]
    yield _model(2, pieces, abc=_UNUSED, bc=_USER_DEFINED), ["abc", "bcc", "abbc", "abcabc"]


def _model(algorithm: int, scores: dict[str, float], **kinds: int) -> bytes:
    """Return a model of some pieces that neither adds nor drops spaces."""
    model = _protobuf().ModelProto()
    model.pieces.add(piece="<unk>", score=0.0, type=2)
    for text, score in scores.items():
        model.pieces.add(piece=text, score=score, type=kinds.get(text, _NORMAL))
    model.trainer_spec.model_type = algorithm
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    content: bytes = model.SerializeToString()
    return content


def _protobuf() -> Any:
    from transformers.convert_slow_tokenizer import import_protobuf

    return import_protobuf()  # type: ignore[no-untyped-call]  # transformers' own
