"""Which stages are left to run: those that are out of date, and all that depends on them."""

import json
from collections.abc import Collection
from pathlib import PurePath

from induction.config.names import PUBLISHED
from induction.config.study import Study
from induction.pipeline import code_digests, corpus_text, plan
from induction.pipeline.artifacts import DIGESTS
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.plan import Expanded
from induction.text.packages import pinned


def everything(study: Study, published: bool) -> list[str]:
    """The files whose stages `make study` or `make published` brings up to date."""
    return [
        str(path)
        for path, file in plan.files(study).items()
        if file.stages and (published or path.parent.name != PUBLISHED)
    ]


def left(study: Study, stale: Collection[str], asked: Collection[str]) -> list[Expanded]:
    """The stages to run, each after those that it depends on, given those that DVC calls out of
    date and those that were asked for, stages or files of them, by DVC's names.

    At most: where a stage writes the same bytes as before, DVC stops there. Stage `plan` does in
    all that it did not find changed, which is found out here.
    """
    by_plan = writer_of(DIGESTS).name
    changed = _changed(study) if by_plan in stale else set()
    order = [*stages()]
    pending: list[Expanded] = []
    outs: set[str] = set()
    for stage in sorted(plan.expanded(study), key=lambda each: order.index(each.name)):
        if not {stage.address, str(stage.file)} & {*asked}:
            continue
        is_stale = stage.address in stale or stage.name in changed
        if is_stale or any(_is_below(dep, outs) for dep in stage.deps):
            pending.append(stage)
            outs |= set() if stage.name == by_plan else {*stage.outs}
    return pending


def _is_below(path: str, outs: Collection[str]) -> bool:
    """Whether a path is one of some outputs, or lies in one that is a folder."""
    return any(str(each) in outs for each in (PurePath(path), *PurePath(path).parents))


def _changed(study: Study) -> set[str]:
    """The stages whose code, or the versions of whose text, are not what stage `plan` saw."""

    def differs(path: PurePath, text: str) -> bool:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read() != f"{text}\n"
        except FileNotFoundError:
            return False  # then DVC says so itself

    names = {
        name
        for name in stages()
        if differs(
            code_digests.planned(name),
            code_digests.combine(code_digests.digests(code_digests.files(name))),
        )
    }
    versions = json.dumps(pinned(corpus_text.packages(study)), indent=2)
    return names | ({"corpus"} if differs(corpus_text.versions_file(), versions) else set())
