"""The prose check finds what this project does not write, and leaves code alone."""

from __future__ import annotations

import pytest

from lab.prose import WORDS, hits, report, sentences, words


def _messages(text: str) -> list[str]:
    return [hit.message for hit in hits(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Somebody else's Secret.", "Somebody else's"),
        ("The registry forgets it.", "forgets"),
        ("Lets go of the claim.", "Lets go of"),
        ("It is told at preview.", "is told"),
        ("Whoever logs in.", "Whoever"),
        ("The Pods roll.", "roll"),
        ("One worker, for it takes no locks.", ", for it"),
        ("It waits, for the images' shell ignores the signal.", ", for the images' shell ignores"),
        ("It is encoded, for `stringData` has no order.", ", for XXXXXXXXXXXX has"),
        ("The Pods restart all the same.", "all the same"),
        ("The text must be one that is no YAML.", "that is no YAML"),
    ],
)
def test_a_word_of_the_list_is_found(text: str, found: str) -> None:
    assert any(f"'{found}'" in message for message in _messages(text)), _messages(text)


def test_a_word_inside_another_one_is_not_found() -> None:
    assert _messages("Annotations of the account, for a cloud that knows Pods by them.") == []
    assert _messages("The rollout of the standby shelf bears fruit.".replace("bears fruit", "ends")) == []


def test_each_word_names_a_better_one() -> None:
    assert all(WORDS.values())


@pytest.mark.parametrize(
    "text", ["Run `forget anew`.", "```sh\nforget anew\n```", "Run:\n\n    forget anew\n\nthen wait.", "[page](anew.md)", "<!-- anew -->"]
)
def test_code_links_and_comments_are_no_prose(text: str) -> None:
    assert _messages(f"{text}\n") == []


def test_what_proselint_finds_is_found() -> None:
    assert _messages("This is very unique.")


def test_a_hit_has_its_line() -> None:
    assert [hit.line for hit in hits("One.\n\nTwo anew.\n\nThree.\nFour anew.\n")] == [3, 6]


@pytest.mark.parametrize(("words", "found"), [(25, 0), (26, 1)])
def test_a_sentence_has_at_most_25_words(words: int, found: int) -> None:
    assert len(list(sentences("word " * (words - 1) + "word.\n\nNext."))) == found


def test_a_sentence_ends_with_its_paragraph_or_entry() -> None:
    assert list(sentences("- " + "word " * 20 + "\n- " + "word " * 20)) == []


@pytest.mark.parametrize(("line", "found"), [("a" * 121, 1), ("a" * 120, 0), ("| " + "a" * 200, 0), ("    " + "a" * 200, 0)])
def test_a_line_of_prose_has_at_most_120_characters(line: str, found: int) -> None:
    assert len(_messages(f"Text.\n\n{line}\n\nText.")) == found


def test_docstrings_and_comments_are_read_and_code_is_not() -> None:
    module = (
        '''"""Made anew."""\n\nanew = "anew"  # whoever asks\n"""Of `anew`, ``whoever``."""\n\n\ndef f() -> None:\n    """Forgets."""\n'''
    )
    assert [(hit.line, hit.message.split("'")[1]) for hit in words(module)] == [(1, "anew"), (3, "whoever"), (8, "Forgets")]


def test_every_page_and_module_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert report() == 0, capsys.readouterr().out
