"""Cue phrases and section titles that tell what a sentence of a paper is about."""

from __future__ import annotations

import re
from typing import Literal

Field = Literal["problem", "method", "results", "limitations"]
Role = Literal[
    "abstract", "introduction", "related", "method", "results", "discussion", "conclusion",
    "limitations", "back",
]  # fmt: skip

_ROLE_NAMES: dict[Role, str] = {
    "back": r"acknowledg|contribut(?:ors|ion)|appendi|reproducib|checklist|supplement|broader|"
    r"ethic|societal|carbon|contents|author",
    "abstract": r"^abstract|^summary$",
    "limitations": r"limitation|failure|caveat|unsuccessful|shortcoming",
    "conclusion": r"conclu|future work|outlook|takeaway",
    "discussion": r"discussion|reflection",
    "related": r"related|background|previous|prior|preliminar|literature",
    "introduction": r"introduction|motivation",
    "results": r"result|experiment|evaluat|empirical|ablation|comparison|performance|analysis|"
    r"bench|findings|glue|squad|translation$|language modeling$|reasoning$",
}
ROLES = {role: re.compile(pattern) for role, pattern in _ROLE_NAMES.items()}
# How much a section says about a field.
WEIGHTS: dict[Field, dict[Role, float]] = {
    "problem": {"abstract": 2.2, "introduction": 1.7},
    "method": {"abstract": 2.2, "introduction": 1.3, "method": 1.0, "conclusion": 0.4},
    "results": {
        "abstract": 2.0,
        "introduction": 0.7,
        "results": 0.9,
        "conclusion": 1.4,
        "discussion": 0.6,
    },
    "limitations": {
        "limitations": 2.2,
        "discussion": 1.5,
        "conclusion": 1.3,
        "results": 0.2,
        "method": -0.6,
    },
}
_CUE_PATTERNS: dict[Field, tuple[tuple[float, str], ...]] = {
    "problem": (
        (
            1.1,
            r"\b(?:difficult|challeng\w+|problems?|prohibitive\w*|bottleneck|lacks?|suffers?|"
            r"struggl\w+|unable|cannot|costly|expensive|inefficien\w+|infeasible|restricts?|"
            r"sub-?optimal|limits?|limited|limitation|drawbacks?|hard|fails?|slow\w*|poor\w*|"
            r"precludes?|brittle|unstable|insufficient|intractable|time-consuming|"
            r"constrain\w*|overlook\w*|under-?trained|less feasible)\b",
        ),
        (0.5, r"\b(?:however|despite|although|while|yet|remains?|still|but|unlike)\b"),
        (0.4, r"\b(?:existing|current|previous|prior|traditional\w*|typically|recent)\b"),
        (0.4, r"\b(?:requires?|need\w*|important|crucial|demand\w*|goal|increasingly)\b"),
        (-1.6, r"\b(?:we|our)\b.{0,40}\b(?:propos|present|introduc|show|demonstrat|achiev|"
               r"evaluat|find|train|release|describ|stud)\w*"),
        (-0.9, r"\b(?:outperform\w*|state-of-the-art results|our)\b"),
    ),
    "method": (
        (
            1.5,
            r"\bwe (?:\w+ )?(?:propose|present|introduce|develop|design|describe|investigate|"
            r"study|build|explore)\b|\bthis (?:paper|work) (?:\w+ )?(?:propos|present|introduc|"
            r"describ|explor)\w*",
        ),
        (0.9, r"\bwe (?:\w+ )?(?:use|train|employ|apply|adopt|fine-tune|pre-?train|learn|"
              r"replace|add|combine|extend|freeze|compute|optimize|minimize|maximize|split|feed|"
              r"treat|provide|experiment|apply|test|evaluate)\b"),
        (0.8, r"\bour (?:\w+[ -]){0,2}(?:method|model|approach|architecture|framework|"
              r"algorithm|procedure|system|objective)s?\b"),
        (0.6, r"\b(?:consists? of|is based on|based (?:solely )?on|relies|relying|instead of|"
              r"rather than|is trained|trained (?:to|with|on|using)|composed of|by (?:\w+ing)|"
              r"allows?|enables?|called|which we call|key idea|main idea)\b"),
        (-0.9, r"\b(?:outperform\w*|state[- ]of[- ]the[- ]art|BLEU|accuracy|F1|scores?|"
               r"improvements?|results)\b"),
        (-0.8, r"\b(?:previous|prior|existing|recently|have been|et al)\b"),
        (-1.5, r"\b(?:as described in|in this section|for details|code (?:is|and)|available|"
               r"we (?:\w+ )?(?:release|open-?source)|package|checkpoints)\b"),
        (-0.8, r"\b(?:we (?:\w+ )?(?:show|find|found|demonstrate|observe)|findings|suggests?)\b"),
    ),
    "results": (
        (
            1.1,
            r"\b(?:outperform\w*|achiev\w+|improv\w+|surpass\w*|exceed\w*|"
            r"state[- ]of[- ]the[- ]art|superior|competitive|(?<!exact )match(?:es|ing)?|reduc\w+|"
            r"attain\w*|obtains|faster|fewer|better|comparable|gains?|on par)\b",
        ),
        (0.6, r"\b(?:we (?:\w+ )?(?:find|show|observe|demonstrate|report)|results? (?:show|"
              r"indicate|suggest|demonstrate)|experiments? (?:show|on|demonstrate))\b"),
        (0.9, r"\d+(?:\.\d+)?\s?(?:%|×|x\b|points?|BLEU|F1|perplexity|ROUGE|times|percent)|"
              r"\b\d{1,3}\.\d\b"),
        (0.3, r"\d"),
        (-0.8, r"\b(?:we (?:use|train|set|follow|compare|evaluate|propose)|learning rate|batch "
               r"size|hyperparameters?|following|et al)\b"),
        (-0.9, r"\b(?:columns?|rows?|lists?|iterations|dev(?:elopment)? set|terminat\w+|later)\b"),
    ),
    "limitations": (
        (
            1.8,
            r"\b(?:limitations?|shortcomings?|drawbacks?|weakness\w*|future (?:work|research|"
            r"direction|investigation)|we leave|left (?:for|to) future|beyond the scope|"
            r"open (?:question|problem|challenge)s?|remains? (?:to be|an? open|unclear|"
            r"challenging|limited|difficult)|caveat|"
            r"we (?:did|do|have|could) not (?:evaluat|consider|explor|investigat|test|address|"
            r"stud|fully|yet|verif|compar|claim|understand|know|cover|tried|try)\w*|"
            r"further (?:work|research|investigation|study)|we (?:hope|plan|intend) to|"
            r"not (?:yet|fully|clear|reliable|well understood))\b",
        ),
        (
            0.9,
            r"\b(?:fails?|failed|failures?|worse|cannot|unable|suffers?|degrad\w+|"
            r"underperform\w*|struggl\w*|lags? behind|hallucinat\w*|bias(?:es|ed)?|"
            r"does not|do not|did not|is not|are not|may not|might not|limited|expensive|"
            r"costly|poor\w*|difficult|challeng\w+|instabilit\w+|trade-?off|lower than|"
            r"sensitive to|restricted|less (?:effective|accurate|reliable))\b",
        ),
        (0.3, r"\b(?:however|although|while|only|despite|even though|but|future)\b"),
        (-1.1, r"\b(?:outperform\w*|state[- ]of[- ]the[- ]art|superior|significant(?:ly)? "
               r"(?:improv|better)\w*|we (?:propose|present|introduce)|unlike|prior work|"
               r"previous|et al|demonstrated|overcome|avoid|without requiring|alleviat\w*|"
               r"solves?)\b"),
    ),
}  # fmt: skip
# Points and pattern; what speaks against a field has negative points.
CUES = {
    field: tuple((points, re.compile(pattern, re.IGNORECASE)) for points, pattern in cues)
    for field, cues in _CUE_PATTERNS.items()
}
# A limitation has to be named as one: by the first cue anywhere, by the second in these sections.
CRITICAL_ROLES: frozenset[Role] = frozenset(("limitations", "discussion", "results"))
# Where an abstract or an introduction turns from what others did to what this paper does.
TURN = re.compile(
    r"\b(?:in this (?:paper|work|article|report|study)|this (?:paper|work|article|report)|"
    r"here,? we|(?<!as )we (?:\w+ )?(?:propose|present|introduce|develop|describe|study|"
    r"explore|report|demonstrate|show|investigate|analyze|review|train|design|test|find|release|set)|"
    r"our (?:work|goal|approach|method|model|main|results?|contributions?))\b",
    re.IGNORECASE,
)
PROPOSES = re.compile(
    r"\bwe (?:\w+ )?(?:propose|present|introduce|develop|design|describe)|"
    r"\bthis (?:paper|work) (?:\w+ )?(?:propos|present|introduc)",
    re.IGNORECASE,
)
