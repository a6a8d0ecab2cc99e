"""Answer whether a run learned, from its numbers and their intervals: a title, its reasons, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from fasdata.page.parts import Answer, Kind
from fasdata.page.spelling import ratio
from fastrain.evaluation.reached import GUESSING, LEARNED, NOTHING, SOMETHING, Reached, carried

# Rules of thumb; `RULES` names them to the reader.
ENOUGH_SUBJECTS = 8
PROBE_LIMIT = 0.75  # colour statistics alone must stay below
CONTROL_SLACK = 0.15  # around 0.5, for shuffled labels

RULES = (
    f"“Yes” asks for an AUC at clip level whose whole 95 % interval is at least {LEARNED:.2f}, on at least "
    f"{ENOUGH_SUBJECTS} held-out source subjects (people whose clips were not trained on); “a little” for one that "
    f"lies below that but above {GUESSING:.2f}; “no” for one that lies below {SOMETHING:.2f}. An interval that holds "
    f"{GUESSING:.2f} does not rule guessing out, and says nothing more. A classifier that sees colour statistics alone "
    f"must stay at or below {PROBE_LIMIT:.2f} and below the network's interval. The same training on shuffled labels, "
    f"where given, must end within {CONTROL_SLACK:.2f} of {GUESSING:.2f}, or with an interval that holds it. Several "
    "runs count by their median; their interval has the medians of the ends, stretched to the lowest and the highest "
    "run. The limits are rules of thumb for a first look."
)


@dataclass(frozen=True)
class Evidence:
    """The numbers that decide the answer; AUCs are clip level, those of the colour probe image level.

    `subjects` is None where they are not named; `probe_auc` is of the held-out source.
    """

    val: Reached = NOTHING
    subjects: int | None = None
    clips: int = 0
    target: str = ""
    unseen: Reached = NOTHING
    probe_auc: float | None = None
    control: Reached = NOTHING
    control_given: bool = False
    shuffled: bool = False

    @property
    def control_off(self) -> bool:
        """Tell whether the control is further from guessing than a rule of thumb allows, and distinguishably so."""
        off = bool(self.control) and abs(self.control.middle - GUESSING) > CONTROL_SLACK
        return off and not self._control_may_guess

    @property
    def _control_may_guess(self) -> bool:
        ends = self.control.ends
        return ends is not None and ends[0] <= GUESSING <= ends[1]


def verdict(numbers: Evidence) -> Answer:
    """Return the answer with its interval, the sentences that support it, and what to do next."""
    sentences = [_held_out(numbers), _unseen(numbers), _probe(numbers), _control(numbers)]
    title, step, kind = _answer(numbers)
    shown = _shown(numbers) if numbers.val or numbers.unseen else ""
    return Answer(f"{title} {shown}".strip(), step, [sentence for sentence in sentences if sentence], kind)


def _shown(numbers: Evidence) -> str:
    parts = [f"AUC {numbers.val} on held-out people"] if numbers.val else []
    if numbers.unseen:
        parts.append(f"{'' if parts else 'AUC '}{numbers.unseen} on {numbers.target or 'the unseen domain'}")
    return f"{', '.join(parts)}."


_MORE_PEOPLE = (
    "hold out more people: a source with more subjects, or --val; more runs tell about seeds, not about people."
)
_LEARN_MORE = "see under Training whether the losses still fall: train longer, or with another preset or method."
_CONTROL = "train a control, which has to guess: the same command with --set data.shuffle_labels=true, then --control."
_LEAK = "look for what leaks (fasdata audit), and train more controls with other seeds."
_COLOUR = (
    "see brightness and colour of both labels in the dataset report (fasdata report), and train on altered colours."
)
_COMPARE = (
    "see under Honest and paper-comparable what it costs at a threshold, and test it against a baseline on the same "
    "people: fastrain compare RUN BASELINE."
)
_EXPORT = (
    "test it against a baseline (fastrain compare RUN BASELINE), or make it a file: fastrain export RUN --out pad.fasb."
)


def _answer(numbers: Evidence) -> tuple[str, str, Kind]:
    """Return the title, the next step and the kind."""
    auc, probe = numbers.val, numbers.probe_auc
    ask = "Did it learn?"
    if numbers.shuffled:
        step = "give it to the report of the run with true labels: fastrain report RUN --control THIS."
        return "This is a control run: its training labels were shuffled, so it should not learn.", step, "plain"
    if not auc:
        return f"{ask} There is no number to judge by.", "score held-out people: train with --val auto.", "bad"
    if auc.ends is None:
        step = "score it again with this version, fastrain eval RUN, or see single networks."
        return f"{ask} It is not known how certain its numbers are, so nothing is concluded.", step, "mixed"
    if auc.below(SOMETHING):
        return f"{ask} No: it does little better than guessing on people it has not seen.", _LEARN_MORE, "bad"
    if numbers.control_off:
        return f"{ask} Do not trust the numbers yet: the control with shuffled labels is off.", _LEAK, "bad"
    if not auc.above_guessing:
        return f"{ask} It cannot be told: guessing is not ruled out on these people.", _MORE_PEOPLE, "mixed"
    if probe is not None and probe > auc.ends[1]:
        return f"{ask} Nothing beyond what colour statistics alone show.", _COLOUR, "bad"
    if probe is not None and probe >= auc.ends[0]:
        return f"{ask} Perhaps nothing beyond what colour statistics alone show.", _COLOUR, "mixed"
    if probe is not None and probe > PROBE_LIMIT:
        return f"{ask} Perhaps, but colour statistics alone show much of it.", _COLOUR, "mixed"
    if auc.below(LEARNED):
        return f"{ask} A little.", _LEARN_MORE, "mixed"
    if not auc.at_least(SOMETHING):
        return f"{ask} It does better than guessing; how much better cannot be told.", _MORE_PEOPLE, "mixed"
    if not auc.at_least(LEARNED):
        return f"{ask} It seems so, but how well cannot be told.", _MORE_PEOPLE, "mixed"
    if numbers.subjects is None:
        step = "name the people of the clips (a list file or a column subject)."
        return f"{ask} It seems so, but it is not known on how many people it was checked.", step, "mixed"
    if numbers.subjects < ENOUGH_SUBJECTS:
        return f"{ask} It seems so, but it was checked on too few people to be sure.", _MORE_PEOPLE, "mixed"
    step = _CONTROL if not numbers.control else _EXPORT if numbers.unseen.at_least(LEARNED) else _COMPARE
    return f"{ask} Yes.", step, "good"


def _held_out(numbers: Evidence) -> str:
    if numbers.subjects is None:
        who = "On held-out clips of the source datasets (whose people are not named)"
    else:
        people = "person" if numbers.subjects == 1 else "people"
        who = f"On {numbers.subjects} held-out {people} from the source datasets"
    if numbers.clips:
        who += f" ({numbers.clips} clips, none trained on)"
    if not numbers.val:
        return f"{who} no AUC could be computed."
    pairs = round(100 * numbers.val.middle)
    return (
        f"{who}, the network scores the bona fide clip higher in {pairs} of 100 pairs of one bona fide and one attack "
        f"clip ({numbers.val.words()}; guessing gives 0.500)."
    )


def _unseen(numbers: Evidence) -> str:
    name = f"the unseen domain {numbers.target}" if numbers.target else "the unseen domain"
    if not numbers.unseen:
        return f"On {name} no AUC could be computed."
    meaning = carried(numbers.unseen)
    if numbers.shuffled:
        near = abs(numbers.unseen.middle - GUESSING) <= CONTROL_SLACK
        meaning = "near 0.5 is expected here" if near else "near 0.5 was expected here"
    return f"On {name}, from which nothing was trained on, it reaches {numbers.unseen.words()}: {meaning}."


def _probe(numbers: Evidence) -> str:
    if numbers.probe_auc is None:
        return (
            "Colour statistics alone were not measured, so brightness or a colour cast is not ruled out as the reason."
        )
    reached = (
        "A simple classifier that sees only the mean and the deviation of each colour channel reaches an AUC of "
        f"{ratio(numbers.probe_auc)} on held-out source images"
    )
    ends = numbers.val.ends
    if ends is None or numbers.shuffled:
        return f"{reached}."
    if numbers.probe_auc > ends[1]:
        return f"{reached}: better than the network."
    if numbers.probe_auc >= ends[0]:
        return f"{reached}, inside the interval of the network: the network is not distinguishably better."
    if numbers.probe_auc > PROBE_LIMIT:
        return f"{reached}: a good part of the result may be brightness or colour cast."
    return f"{reached}, so brightness and colour cast do not explain the result."


def _control(numbers: Evidence) -> str:
    if numbers.shuffled:
        return ""
    if not numbers.control_given:
        return "No control run with shuffled labels was given, so a leak into the held-out clips is not ruled out."
    if not numbers.control:
        return "A control run with shuffled labels was given, but it has no held-out AUC."
    reached = f"Trained the same way on shuffled labels, it reaches {numbers.control.words()} on the held-out clips"
    if abs(numbers.control.middle - GUESSING) <= CONTROL_SLACK:
        return f"{reached}: within {CONTROL_SLACK:.2f} of 0.5, as it should be when nothing leaks."
    if numbers.control_off:
        return f"{reached}: that should be near 0.5, so something leaks or the held-out set is too small."
    return f"{reached}: not near 0.5, but guessing is inside the interval; more people or controls would tell."
