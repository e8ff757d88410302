"""A user's message in the form that an instruction model was trained on: the chat template of its tokenizer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from textgym.errors import ConfigurationError
from textgym.tokenizer import TextTokenizer

if TYPE_CHECKING:
    import jinja2

PRIVATE_USE = 0x100000  # the first of 65,534 characters to which Unicode gives no meaning


class ChatTemplate:
    """A tokenizer's chat template, rendered as transformers does it for one message and the answer's beginning.

    The date is not given to templates that would write it into the prompt: prompts are the same tomorrow.

    Args:
        tokenizer: The tokenizer; its special tokens in the template become their ids, those in the message stay text.

    Raises:
        ConfigurationError: The tokenizer has no chat template, or a broken one.
    """

    def __init__(self, tokenizer: TextTokenizer) -> None:
        if tokenizer.chat_template is None:
            raise ConfigurationError(
                f"prompt_template is 'chat', but the tokenizer {tokenizer.name!r} has no chat template. Give a format "
                "string, such as '{prompt}', or a model that was trained on conversations, such as 'smollm2-135m'."
            )
        self.tokenizer = tokenizer
        self._hidden = {token: chr(PRIVATE_USE + i) for i, token in enumerate(tokenizer.special_tokens)}
        self._shown = {character: token for token, character in self._hidden.items()}
        roles = {"bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id}
        self._tokens = {f"{role}_token": tokenizer.id_to_token(i) for role, i in roles.items() if i is not None}
        self._template = _compiled(tokenizer.chat_template)

    def pieces(self, message: str) -> list[tuple[str, int | None]]:
        """The prompt in pieces, each with the id of the special token that it is, None if it is none.

        Args:
            message: The user's message.

        Raises:
            ConfigurationError: The template refuses the message.
        """
        messages = [{"role": "user", "content": _replaced(message, self._hidden)}]
        try:
            text = self._template.render(
                messages=messages, tools=None, documents=None, add_generation_prompt=True, **self._tokens
            )
        except Exception as error:  # a template is a program, and may raise anything
            raise ConfigurationError(
                f"The chat template of {self.tokenizer.name!r} refuses a single message of a user "
                f"({type(error).__name__}: {error}). Give a format string as prompt_template."
            ) from error
        return [(_replaced(piece, self._shown), token) for piece, token in self.tokenizer.split_special(text)]


def _replaced(text: str, by: dict[str, str]) -> str:
    pattern = "|".join(map(re.escape, sorted(by, key=len, reverse=True)))
    return re.sub(pattern, lambda found: by[found.group()], text)


def _compiled(template: str) -> jinja2.Template:
    """A chat template with what transformers offers to it (`transformers.utils.chat_template_utils`)."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The block that marks an assistant's words, which is all that it does."""

        tags = {"generation"}  # noqa: RUF012 - as the base class declares it

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    try:
        return environment.from_string(template)
    except jinja2.TemplateError as error:
        raise ConfigurationError(
            f"The tokenizer's chat template is broken ({error}). Mend it, or give a format string as prompt_template."
        ) from error
