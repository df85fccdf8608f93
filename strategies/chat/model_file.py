"""A SentencePiece ``.model`` file by itself, as a tokenizer that counts as the model does."""

from __future__ import annotations

from typing import Any

import sentencepiece
from transformers import AddedToken, SentencePieceBackend
from transformers.convert_slow_tokenizer import import_protobuf

from strategies.errors import InputError


class SentencePieceModel(SentencePieceBackend):
    """The tokenizer of a ``.model`` file; all that it knows comes from that file.

    A text is cut at the control pieces first, because the model never finds them in a text. It
    finds its user-defined pieces by itself. The white space that a model adds in front of a text
    is added once, at the start, and not after each control piece.

    Parameters
    ----------
    path
        The ``.model`` file.

    Raises
    ------
    InputError
        If the model adds white space after a text, which is not supported.
    """

    def __init__(self, path: str) -> None:
        model = sentencepiece.SentencePieceProcessor()
        model.Load(path)
        protobuf: Any = import_protobuf()  # type: ignore[no-untyped-call]  # transformers' own
        proto = protobuf.ModelProto.FromString(model.serialized_model_proto())
        rules = proto.normalizer_spec
        if rules.add_dummy_prefix and proto.trainer_spec.treat_whitespace_as_suffix:
            raise InputError("its SentencePiece model adds white space after a text", file=path)
        self.adds_space = rules.add_dummy_prefix
        self.drops_spaces = rules.remove_extra_whitespaces
        self._markers: tuple[str, ...] = ()

        def piece(index: int) -> str | None:
            return None if index < 0 else model.id_to_piece(index)

        super().__init__(  # type: ignore[no-untyped-call]  # transformers' own
            vocab_file=path,
            # Else the model would add its white space after each control piece.
            legacy=False,
            bos_token=piece(model.bos_id()),
            eos_token=piece(model.eos_id()),
            unk_token=piece(model.unk_id()),
            pad_token=piece(model.pad_id()),
            added_tokens_decoder={
                index: AddedToken(model.id_to_piece(index), normalized=False, special=True)
                for index in range(model.get_piece_size())
                if model.is_control(index) or model.is_unknown(index)
            },
        )

    def prepare_for_tokenization(
        self,
        text: str,
        is_split_into_words: bool = False,  # noqa: ARG002  # as transformers has it
        **kwargs: Any,
    ) -> tuple[str, dict[str, Any]]:
        """Return the text with the white space that the model puts in front of it.

        Parameters
        ----------
        text
            What is to be tokenized.
        is_split_into_words
            Whether the text is one of several words; it makes no difference here.
        **kwargs
            Handed on as they are.
        """
        if self.adds_space and text and not text.startswith(self._markers):
            text = f" {text}"
        return text, kwargs

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        if self.drops_spaces:
            # It would drop the white space after a control piece; transformers keeps it.
            tokens: list[str] = super()._tokenize(text, **kwargs)  # type: ignore[no-untyped-call]
        else:
            tokens = self.sp_model.encode(text, out_type=str)
        return tokens

    def _update_trie(self, unique_no_split_tokens: list[str] | None = None) -> None:
        super()._update_trie(unique_no_split_tokens)
        self._markers = tuple(self.tokens_trie._tokens)
