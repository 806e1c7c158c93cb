"""What can be seen inside a model, as HTML: tokens, candidates, attention maps, drafts.

Learner's text and model output are data, so every piece of them is escaped here. Colour never
stands alone: each value is there as a number, each state as a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tutor.inside.attention import EVENLY, AttentionMaps, Pattern, strongest
from tutor.inside.drafts import Comparison, Draft
from tutor.inside.sampling import NextTokens
from tutor.inside.tokens import Token
from tutor.sanitize import plain_text

FEW = 12  # tokens up to which every cell of a map shows its number
SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥"}


def alert_html(problem: object) -> str:
    """An error in words."""
    return f'<p role="alert">⚠ {escape(str(problem))}</p>'


def status_html(text: str) -> str:
    """What is being done; read out when it changes."""
    return f'<p role="status">{escape(text)}</p>'


def visible(token: Token) -> str:
    """A token as it can be seen: spaces and line ends as signs, invisible characters by number."""
    text = "".join(SIGNS.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in token.text)
    return f"{text} (some bytes)" if token.kind == "part" else text


def quoted(token: Token) -> str:
    """A token in a sentence; the space before a word says nothing there."""
    text = visible(token)
    return f"‘{text.removeprefix('␣') or text}’"


def tokens_html(tokens: Sequence[Token], text: str) -> str:
    """Each token with its number."""
    rate = len(text) / len(tokens)
    words = len(text.split())
    head = (
        f"<strong>{_count(len(tokens), 'token')}</strong> for {_count(words, 'word')} and "
        f"{_count(len(text), 'character')}: {rate:.1f} characters a token."
    )
    notes = {
        "part": "<em>(some bytes)</em>: the character is rare, so it takes several tokens. ",
        "special": "Dashed: signs of the chat template, which no learner's text should hold. ",
    }
    kinds = {token.kind for token in tokens}
    note = "".join(text for kind, text in notes.items() if kind in kinds)
    items = "".join(
        f'<li class="{token.kind}"><code>{escape(visible(token))}</code>'
        f"<small>{token.id}</small></li>"
        for token in tokens
    )
    return f'<p role="status">{head} {note}</p><ol class="tokens">{items}</ol>'


def candidates_html(found: NextTokens) -> str:
    """The likeliest next tokens, each with its probability before and after the filters."""
    total = found.others + len(found.rows)
    even = 2**found.entropy
    head = (
        f"<strong>{_count(found.kept, 'token')}</strong> of {total:,} can be drawn. The model "
        f"itself is as unsure as if {_about(even)} were equally likely ({found.entropy:.1f} bits)."
    )
    rows = "".join(
        f'<tr class="{"kept" if row.kept else "cut"}">'
        f'<th scope="row"><code>{escape(visible(row.token))}</code></th>'
        f"<td>{_bar(row.raw)}</td><td>{_bar(row.after) if row.kept else '–'}</td>"
        f"<td>{'✓ stays' if row.kept else '✂ cut'}</td></tr>"
        for row in found.rows
    )
    more = found.kept - sum(row.kept for row in found.rows)
    state = f"✓ {more:,} stay" if more else "✂ all cut"
    rows += (
        f'<tr><th scope="row">{found.others:,} others</th><td>{_bar(found.others_raw)}</td>'
        f"<td>{_bar(found.others_after) if more else '–'}</td><td>{state}</td></tr>"
    )
    return (
        f'<p role="status">{head}</p><table class="candidates"><thead><tr>'
        '<th scope="col">Next token</th><th scope="col">The model</th>'
        '<th scope="col">After the sliders</th><th scope="col"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def looks_html(maps: AttentionMaps, layer: int, head: int, query: int) -> str:
    """One row of a map in words; layer and head are counted from 1, the token from 0."""
    row = maps.weights[layer - 1, head - 1, query]
    token = escape(quoted(maps.tokens[query]))
    place = f"In layer {layer}, head {head}, token {query + 1}, {token},"
    if query == 0:
        return f'<p role="status">{place} has nothing before it, so it looks at itself alone.</p>'
    parts = [
        f"{'itself' if i == query else escape(quoted(maps.tokens[i])) + f' (token {i + 1})'} "
        f"with {weight:.0%}"
        for i, weight in strongest(row)
    ]
    listed = ", then at ".join(parts)
    return f'<p role="status">{place} looks most at {listed}.</p>'


def map_html(maps: AttentionMaps, layer: int, head: int, query: int) -> str:
    """One head's map: a row for each token that looks, a column for each it looks at."""
    names = [escape(visible(token)) for token in maps.tokens]
    columns = "".join(f'<th scope="col"><span>{name}</span></th>' for name in names)
    rows = []
    for i, row in enumerate(maps.weights[layer - 1, head - 1]):
        cells = "".join(
            f'<td style="--w:{weight:.2f}" title="{names[i]} → {names[j]}: {weight:.0%}">'
            f"<span>{100 * weight:.0f}</span></td>"
            for j, weight in enumerate(row[: i + 1])
        )
        later = '<td class="later"></td>' * (len(names) - i - 1)
        chosen = ' class="from"' if i == query else ""
        rows.append(f'<tr{chosen}><th scope="row">{names[i]}</th>{cells}{later}</tr>')
    size = "few" if len(names) <= FEW else "many"
    return (
        f'<div class="map" role="region" tabindex="0" aria-label="Attention map">'
        f'<table class="{size}"><caption>Layer {layer}, head {head}: percent of its attention '
        "that the token of a row gives to the token of a column</caption>"
        f"<thead><tr><td></td>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def pattern_label(pattern: Pattern) -> str:
    """A head worth a look, in a list."""
    share = f"{pattern.share:.0%} of even" if pattern.label == EVENLY else f"{pattern.share:.0%}"
    return f"{pattern.label}: layer {pattern.layer}, head {pattern.head} ({share})"


def comparison_html(comparison: Comparison) -> str:
    """The drafts beside each other, or why there are none."""
    if comparison.refusal:
        return (
            f"<p>{escape(comparison.refusal)}</p><p>The tutor asks no model where its sources hold "
            "too little. Ask about a topic of the roadmap.</p>"
        )
    return f'<div class="drafts">{"".join(_draft_html(draft) for draft in comparison.drafts)}</div>'


def prompt_html(comparison: Comparison) -> str:
    """What every variant was given, folded; empty until the first is asked."""
    parts = "".join(
        f"<dt>{escape(message.role)}</dt><dd><pre>{escape(message.content)}</pre></dd>"
        for message in comparison.prompt
    )
    if not parts:
        return ""
    return (
        '<details class="source"><summary>What each of them was given: the tutor\'s instructions, '
        f"the facts it found, and the question</summary><dl>{parts}</dl></details>"
    )


def _draft_html(draft: Draft) -> str:
    name = escape(draft.variant.name)
    speed = ""
    if draft.seconds:
        rest = draft.seconds - draft.first_token_s
        rate = f", then {(draft.tokens - 1) / rest:.1f} a second" if draft.tokens > 1 else ""
        speed = (
            f'<p class="flag">{_count(draft.tokens, "token")}; the first after '
            f"{draft.first_token_s:.1f} s{rate}</p>"
        )
    if not draft.verdict:
        body = f'<p class="text">{escape(plain_text(draft.text))}</p>'
    else:
        body = f'<ul class="checked">{"".join(_sentences(draft))}</ul>'
    verdict = f"<p><strong>{escape(draft.verdict)}</strong></p>" if draft.verdict else ""
    held = sum(sentence.supported for sentence in draft.sentences)
    of = _count(len(draft.sentences), "sentence")
    count = f"<p>Found in the sources: {held} of {of}.</p>" if verdict else ""
    return (
        f'<section aria-label="{name}"><h3>{name}</h3>'
        f'<p class="flag">{escape(draft.variant.description)}</p>{body}{count}{verdict}{speed}'
        "</section>"
    )


def _sentences(draft: Draft) -> list[str]:
    shown = []
    for sentence in draft.sentences:
        text = escape(plain_text(sentence.text))
        if sentence.supported:
            shown.append(
                f'<li class="passed"><span>✓</span> {text}<details class="source"><summary>'
                f"{escape(plain_text(sentence.source))}</summary><blockquote>"
                f"{escape(plain_text(sentence.quote))}</blockquote></details></li>"
            )
        else:
            flag = '<span class="flag">(not found in the sources)</span>'
            shown.append(f'<li class="failed"><span>✗</span> {text} {flag}</li>')
    return shown


def _bar(share: float) -> str:
    """A bar and its number."""
    shown = "&lt;0.1%" if 0 < share < 0.001 else f"{share:.1%}"
    return (
        f'<span class="bar" aria-hidden="true"><span style="width:{share:.1%}"></span></span>'
        f"<span>{shown}</span>"
    )


def _about(number: float) -> str:
    return f"{number:,.0f} tokens" if number >= 1.5 else "one token"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
