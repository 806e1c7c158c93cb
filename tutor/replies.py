"""Results as Markdown for the chat: what a learner reads, in one place.

Everything that comes from a model, a paper or a learner has passed `tutor.sanitize` before it gets
here or passes it here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from corpus.labs import Lab
from corpus.roadmap import load_roadmap
from tutor.answer import Answer, Citation
from tutor.events import Turn
from tutor.exercises.closed import letter
from tutor.exercises.question import Grade, Question
from tutor.exercises.quiz import QuizSession
from tutor.learner.timetable import Timetable
from tutor.library.standing import Name, standing_markdown, title_alone
from tutor.sanitize import safe_markdown
from tutor.summarize import PaperSummary, Point

DECLINE = (
    "That is outside what I teach. I can explain anything on the road to large language models, "
    "summarize a paper, or quiz you: try *explain self-attention* or *quiz me on stage 2*."
)
PLAN_OFFER = "Say how much time you have, such as *5 hours a week*, and you get a plan with dates."
PLAN_NOTE = (
    "Times are reckoned from lessons, labs and the answers until mastery shows. The plan is made "
    "anew each day: what you finish drops out of it, what takes longer moves the rest."
)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
QUOTES_LABEL = "Quoted from the sources"
VERDICTS = {"correct": "✓ Correct", "partial": "◐ Partly correct", "incorrect": "✗ Not correct",
            "unsure": "? I am not sure"}  # fmt: skip


def answer_markdown(answer: Answer) -> str:
    """The answer with its markers; unsupported sentences are marked as such."""
    if answer.refused:
        return answer.answer
    parts = []
    for sentence in answer.sentences:
        marks = "".join(f" [{n}]" for n in sentence.citations)
        parts.append(f"{sentence.text}{marks}" + ("" if sentence.supported else " *(unsupported)*"))
    text = " ".join(parts)
    if answer.mode == "passages":
        text = f"*{QUOTES_LABEL}:* {text}"
    return text


def answer_payload(answer: Answer) -> dict[str, Any]:
    """The answer for a front end that opens sources."""
    return {"type": "answer", **answer.to_dict()}


def source_line(citation: Citation | dict[str, Any]) -> str:
    """Where a citation stands: title, section, page."""
    fields = citation if isinstance(citation, dict) else vars(citation)
    page = f", p. {fields['page']}" if fields.get("page") else ""
    section = f" — {fields['section']}" if fields.get("section") else ""
    return safe_markdown(f"{fields['title']}{section}{page}")


def page_mark(point: Point) -> str:
    """Where a bullet's quote stands, as text."""
    return f" (p. {point.page})" if point.page else ""


def summary_markdown(
    summary: PaperSummary, mark: Callable[[Point], str] = page_mark, link: Name = title_alone
) -> str:
    """A paper summary with its place on the roadmap.

    Args:
        mark: What each bullet ends with, made of its page and quote.
        link: Writes the names of topics and papers.
    """
    authors = ", ".join(summary.authors[:4]) + (" et al." if len(summary.authors) > 4 else "")
    head = f"## {safe_markdown(summary.title)}\n{safe_markdown(authors)}"
    if summary.year:
        head += f" ({summary.year})"
    if summary.source == "notes":
        head += "\n\n*From our notes: the full text is not in the library.*"
    lines = [head, f"**In one sentence.** {safe_markdown(summary.tldr)}"]
    for name, points in (
        ("Problem", summary.problem),
        ("Method", summary.method),
        ("Results", summary.results),
        ("Limitations", summary.limitations),
    ):
        if points:
            lines.append(
                f"**{name}**\n"
                + "\n".join(f"- {safe_markdown(point.text)}{mark(point)}" for point in points)
            )
    if summary.terms:
        terms = "\n".join(
            f"- *{safe_markdown(t.term)}*: {safe_markdown(t.meaning)}" for t in summary.terms
        )
        lines.append(f"**Terms**\n{terms}")
    if summary.topics:
        lines.append(standing_markdown(summary.topics, summary.year, summary.arxiv_id, link))
    return "\n\n".join(lines)


def question_turn(session: QuizSession) -> Turn:
    """The question that is to be answered now."""
    question = session.current
    assert question is not None  # callers ask only while a question is open
    text = f"**Question {session.position + 1} of {len(session.questions)}** · {_about(question)}"
    return Turn(
        "assistant", f"{text}\n\n{question_markdown(question)}",
        {"type": "question", **question.to_dict()},
    )  # fmt: skip


def question_markdown(question: Question) -> str:
    """A question with its options and how to answer."""
    text = question.prompt
    if question.options:
        text += "\n\n" + "\n".join(
            f"**{letter(i)}.** {option}  " for i, option in enumerate(question.options)
        )
        return f"{text}\n\n*Answer with a letter.*"
    unit = f" in {question.unit}" if question.unit else ""
    how = {
        "numeric": f"Answer with a number{unit}.",
        "text": "Answer in a sentence or two.",
        "code": "Answer with the whole module, or use the Labs tab.",
    }
    return f"{text}\n\n*{how[question.kind]}*"


def _about(question: Question) -> str:
    return f"{load_roadmap().topic(question.topic).title} · difficulty {question.difficulty}"


def grade_markdown(question: Question, grade: Grade, reveal: bool = True) -> str:
    """Verdict and feedback; with `reveal` also the source, which gives the answer away."""
    text = f"**{VERDICTS[grade.verdict]}.** {safe_markdown(grade.feedback)}"
    if reveal and question.citation:
        text += f"\n\n*Source:* {source_line(question.citation)}"
    return text


def score_markdown(session: QuizSession) -> str:
    """The score of a finished quiz, and what to go back to."""
    total = session.score * len(session.grades)
    text = f"**Your score: {total:.1f} of {len(session.questions)}.**"
    weak = [load_roadmap().topic(topic).title for topic in session.weak_topics()[:3]]
    return text + (f" Worth another look: {'; '.join(weak)}." if weak else "")


def stopped_turn(session: QuizSession) -> Turn:
    """The end of a quiz that was not answered to its end."""
    text = score_markdown(session) if session.grades else "The quiz is over."
    return Turn("assistant", f"{text} Say *quiz me* for another one.", {"type": "text"})


def grade_turn(question: Question, grade: Grade, session: QuizSession, moved: bool) -> Turn:
    """The grade of the last answer, then another try, the next question, or the score."""
    text = grade_markdown(question, grade, reveal=moved)
    payload: dict[str, Any] = {"type": "grade", **grade.to_dict()}
    if not moved:
        text += "\n\n*Try once more, or ask for a hint.*"
    elif session.current is None:
        text += f"\n\n---\n{score_markdown(session)}"
        payload["finished"] = True
    else:
        text += f"\n\n---\n{question_turn(session).content}"
        payload["next"] = session.current.to_dict()
    return Turn("assistant", text, payload)


def next_markdown(step: dict[str, Any]) -> str:
    """What to study now, and why."""
    if step["topic"] is None:
        return str(step["why"])
    topic = load_roadmap().topic(step["topic"])
    return (
        f"**Next: {topic.title}** (stage {load_roadmap().stage_of(topic.id)}). {step['why']}\n\n"
        + "\n".join(f"- {objective}" for objective in topic.objectives)
        + f"\n\nSay *explain {topic.title}* to begin, or *quiz me on {topic.title}* to check."
    )


def progress_markdown(rows: dict[str, Any]) -> str:
    """Mastery by stage, and the reviews that are due."""
    lines = ["| Stage | Topics tried | Mastery of those |", "|---|---|---|"]
    for stage in load_roadmap().stages:
        known = [rows["mastery"].get(topic.id) for topic in stage.topics]
        tried = [value for value in known if value is not None]
        mean = f"{sum(tried) / len(tried):.0%}" if tried else "–"
        lines.append(f"| {stage.n} {stage.title} | {len(tried)} of {len(known)} | {mean} |")
    due = len(rows["due"])
    lines.append(f"\n{due} review{'s' if due != 1 else ''} due." if due else "\nNo reviews due.")
    return "\n".join(lines)


def plan_markdown(plan: Timetable, topics: int | None = None) -> str:
    """A plan with dates: when each topic and each stage is done.

    Args:
        topics: How many of the next topics are listed; None lists all.
    """
    pace = plan.pace
    given = f"{pace.hours:g} h a week"
    goal = f"stage {pace.goal}" if pace.goal else "the roadmap"
    if plan.ends is None:
        return f"**Your plan, {given}:** nothing is left to learn up to the end of {goal}."
    total = _duration(sum(week.minutes for week in plan.weeks))
    many = _count(len(plan.entries), "topic")
    reviews = _count(sum(len(week.reviews) for week in plan.weeks), "review")
    head = (
        f"**Your plan, {given}: you reach the end of {goal} by {day(plan.ends)}.** "
        f"{many} in about {total}, with {reviews}."
    )
    shown = plan.entries[:topics]
    lines = [head, "", "| Topic | From | Until | About |", "|---|---|---|---|"]
    lines += [
        f"| {e.title} | {day(e.begins)} | {day(e.ends)} | {_duration(e.minutes)} |" for e in shown
    ]
    if len(shown) < len(plan.entries):
        ends = {entry.stage: entry.ends for entry in plan.entries}
        stages = "; ".join(f"stage {n} by {day(end)}" for n, end in sorted(ends.items()))
        lines += ["", f"Then {len(plan.entries) - len(shown)} more: {stages}."]
    lines += ["", PLAN_NOTE]
    return "\n".join(lines)


def plan_line(plan: Timetable | None, topic: str | None) -> str:
    """When a topic and the whole are done by the plan; empty without one."""
    if plan is None or plan.ends is None:
        return ""
    when = next((f"this by {day(e.ends)}, " for e in plan.entries if e.topic == topic), "")
    pace, end = f"{plan.pace.hours:g} h a week", day(plan.ends)
    return f"By your plan ({pace}) you are done with {when}all by {end}."


def day(given: date) -> str:
    """A date as people write it, whatever the locale."""
    return f"{given.day} {MONTHS[given.month - 1]} {given.year}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d}" if hours else f"{rest} min"


def papers_markdown(query: str, found: dict[str, Any]) -> str:
    """Papers of the library and of arXiv for a subject."""
    lines = []
    for name, rows in (("In the library", found["library"]), ("On arXiv", found["arxiv"])):
        if rows:
            lines.append(f"**{name}**")
            lines += [f"- {safe_markdown(r['title'])} (arXiv:{r['id']}, {r['year']})" for r in rows]
    if found.get("note"):
        lines.append(f"*{found['note']}*")
    return "\n".join(lines) or "I found no paper on that."


def code_markdown(topic: str | None) -> str:
    """The labs of a topic; where it has none, its worked example to build from."""
    from corpus.labs import labs_of
    from corpus.lessons import load_lessons

    lessons = load_lessons()
    lesson = lessons.get(topic or "") or lessons["self-attention"]
    # Where nothing was named, attention is the thing to have built once.
    labs = labs_of(topic or "multi-head-attention")
    if labs:
        about = "\n\n".join(_lab(lab) for lab in labs)
        return (
            f"**Build it yourself.** Open the **Labs** tab, choose the lab and press *Run*: hidden "
            f"tests check your code in a sandbox and say what is probably wrong.\n\n{about}"
        )
    example = lesson.sections.get("Worked example")
    if example is None:
        return f"There is no coding exercise on {lesson.title} yet."
    return (
        f"**Build it yourself: {lesson.title}.** There is no lab on this topic yet. Write the code "
        "of this worked example on your own machine before you read it, then compare what it "
        f"prints.\n\n{example}"
    )


def _lab(lab: Lab) -> str:
    head = f"**{lab.title}** · about {lab.minutes} minutes · difficulty {lab.difficulty}"
    return head + "\n" + "\n".join(f"- {objective}" for objective in lab.objectives)


def smalltalk_markdown(text: str, model: str) -> str:
    """A short reply that leads back to learning."""
    lowered = text.lower()
    if any(word in lowered for word in ("thank", "thx", "cheers")):
        return "You're welcome. Shall we go on? Ask me anything, or say *what next*."
    if any(word in lowered for word in ("bye", "good night", "see you")):
        return "Goodbye. This conversation is kept; you'll find it again under Sessions."
    engine = f"My answers are written by {model} on this machine" if model else (
        "No language model is running now, so I quote my sources"
    )  # fmt: skip
    return (
        "Hello! I'm Tutor. I teach large language models along a seven-stage roadmap. Ask me to "
        "*explain* something, to *summarize* a paper (drop its PDF here), or to *quiz* you on a "
        f"stage. {engine}, and every claim shows its source."
    )
