"""What the templates of the report are filled with."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.phases import PhaseSettings
from induction.config.train import TrainSettings
from induction.report import answer, glance, index_page, score, smearing, summary, weights
from induction.report.dotted_keys import flatten
from induction.report.figures.drawn import DrawnFigure, legend_style
from induction.report.figures.figure import Section
from induction.report.figures.head_sets import INTERVENTIONS
from induction.report.figures.model_table import frame_style
from induction.report.figures.signal_dates import SIGNALS
from induction.report.findings import CellFindings, ModelFindings, missed_rules
from induction.report.formatting import listed
from induction.report.rendering import asset, content_hash, style
from induction.report.rows import Results

NO_CIRCUITS = (
    "Circuits are not read from the weights of checkpoints of others: with an MLP in every layer, "
    "products of attention's matrices do not say what the model computes, and the bigrams of its "
    "training text are not known. Which heads compose is in table compositions."
)


@dataclass(frozen=True)
class ForeignArchitecture:
    """What the report says of the models of a suite, beside what it measured."""

    n_layers: int
    mlp: bool = True
    smeared_keys: bool = False


def foreign(connection: duckdb.DuckDBPyConnection, cell: str) -> dict[str, ForeignArchitecture]:
    """By the cell that a suite is."""
    ((n_layers,),) = connection.execute("select max(layer) + 1 from heads").fetchall()
    return {cell: ForeignArchitecture(n_layers)}


def study(
    params: Params,
    sections: Iterable[str],
    grid: dict[str, Cell],
    suites: Mapping[str, ForeignArchitecture],
) -> dict[str, Any]:
    """Models, rules, and every param of `sections`; `suites` has the models of suites."""
    models = params.sections("models", Architecture)
    return {
        "icl": params.section("icl", IclSettings),
        "train": params.section("train", TrainSettings),
        "phase_rule": params.section("phases", PhaseSettings),
        "architectures": {
            name: suites.get(name) or models[cell.model] for name, cell in grid.items()
        },
        "variations": {name: summary.variation(cell) for name, cell in grid.items()},
        "no_circuits": NO_CIRCUITS,
        "kinds": params.get("heads")["kinds"],
        "block": params.get("heads")["block"],
        "sequence_counts": {
            stage: params.get(stage)["sequences"] for stage in ("ablations", "interventions")
        },
        "params": flatten({name: params.get(name) for name in sections}),
        "times": json.loads(asset("times.json")),
    }


def findings(
    results: Results,
    cells: list[CellFindings],
    detailed: list[ModelFindings],
    variations: list[ModelFindings],
    study: Mapping[str, Any],
) -> dict[str, Any]:
    """The results in sentences and rows; `detailed` and `variations` are those of
    `findings.models`, `study` that of `study`."""
    rule = study["phase_rule"]
    verdicts = summary.verdicts(results["claims"])
    circuits = summary.circuits(results["circuit_readings"], results["circuit_paths"])
    compared = score.comparisons(detailed)
    return {
        **results,
        "findings": cells,
        "models": detailed,
        "sentences": answer.sentences(detailed, variations, rule, verdicts["claim"]),
        "unresolved": glance.UNRESOLVED,
        "glance": [glance.of_model(model, rule) for model in detailed],
        "every_seed": [
            glance.of_cell(cell, model.kind, rule) for model in detailed for cell in model.cells
        ],
        "compared": compared,
        "compared_sentence": score.sentence(compared),
        "has_smearing": any(model.model.smeared_keys for model in detailed),
        "smearing": smearing.sentences(detailed, results["heads"], study["kinds"]["induction"]),
        "weights": weights.sentences(results, detailed, circuits),
        "failed_controls": answer.failed_controls(results["claims"]),
        "undecided_controls": answer.undecided_controls(results["claims"]),
        "repeats_sentence": answer.repeats_sentence(results["repeats"], detailed),
        "missed_rules": {cell.name: missed_rules(cell, rule) for cell in cells if not cell.changed},
        "verdicts": verdicts,
        "control_counts": listed(
            [f"{count} {verdict}" for verdict, count in verdicts["control"].items() if count]
        ),
        "intervention_words": INTERVENTIONS,
        "interventions": summary.mean_over_draws(results["interventions"]),
        "removals": summary.removals_of_heads(results["removals"]),
        "ablation_kinds": summary.ablation_kinds(results["removals"]),
        "circuits": circuits,
    }


def pages(
    results: Results,
    cells: list[CellFindings],
    figures: list[DrawnFigure],
    columns: list[index_page.Column],
) -> dict[str, Any]:
    """What the pages show beside sentences and tables."""
    detailed = [row for row in results["cells"] if row["is_detailed"]]
    first = next((row for row in detailed if row["phase_change"]), detailed[0])["cell"]
    end = max(row["tokens"] for row in results["curves"])
    sheet = style() + frame_style() + legend_style(figures)
    return {
        "detailed": detailed,
        "end_of_training": end,
        "first": first,
        "columns": columns,
        "names": {column.cell: column.kind for column in columns if column.is_detailed},
        "moments_of": {
            row["cell"]: row | {"span": index_page.span(row)} for row in results["moments"]
        },
        "spans": index_page.windows(cells, end),
        "sparklines": {
            row["cell"]: index_page.head_sparklines(results, row["cell"], end) for row in detailed
        },
        "passages": index_page.passages(results),
        "first_passage": index_page.first_passage(results, first),
        "token_changes": index_page.token_changes(results, end),
        "signals": SIGNALS,
        "figures": figures,
        "Section": Section,
        "style": sheet,
        "style_hash": content_hash(sheet),
    }


def fingerprint(provenance: dict) -> str:
    """One hash for a report: over those of the code and params behind every table."""
    return hashlib.sha256(json.dumps(provenance, sort_keys=True).encode()).hexdigest()
