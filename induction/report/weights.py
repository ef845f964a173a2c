"""What the weights say of the induction circuit, in sentences; the circuits page has the rest."""

from typing import Any

from induction.report.findings import ModelFindings
from induction.report.formatting import with_visible_spaces
from induction.report.rows import Results, Rows


def sentences(results: Results, models: list[ModelFindings], circuits: Rows) -> list[str]:
    """Of the first model whose lowest seed has a circuit of two heads, of the first whose circuit
    is smeared keys and a head, and of the first of one layer of attention alone, as far as there
    are such. `circuits` are the rows of `summary.circuits`."""
    whole = {row["cell"]: row for row in circuits}
    edges = {
        model.panel: edge
        for model in models
        if (edge := _main_edge(results["circuit_edges"], model.first.name))
    }
    with_edge = [model for model in models if model.panel in edges]
    smeared = [model for model in with_edge if edges[model.panel]["from_layer"] < 0]
    pairs = [model for model in with_edge if model not in smeared]
    said = []
    for model in pairs[:1]:
        said += _pair(edges[model.panel], model) + _shares(whole[model.first.name])
    for model in smeared[:1]:
        said += _smear(edges[model.panel], model)
    for model in models:
        if model.model.n_layers == 1 and not model.model.mlp and not model.model.smeared_keys:
            return said + _one_layer(results, model)
    return said


def _main_edge(edges: Rows, cell: str) -> dict[str, Any] | None:
    """That edge of the circuit at the end whose cut takes most ICL."""
    rows = [
        row
        for row in edges
        if row["cell"] == cell and row["is_circuit"] and row["is_last"]
        and row["receiver_input"] == "k"
    ]  # fmt: skip
    return max(rows, key=lambda row: row["icl_lost"], default=None)


def _pair(edge: dict[str, Any], model: ModelFindings) -> list[str]:
    sender, receiver = edge["sender"], edge["receiver"]
    return [
        f"In the {model.kind}, head {sender} looks at the previous token, whatever that is: its "
        f"position circuit alone puts {edge['by_position']:.2f} of its attention there, and on "
        f"text it spends {edge['previous_token']:.2f}.",
        f"The keys of head {receiver} read what {sender} writes. This K-composition is "
        f"{edge['k_composition']:.2f}, where circuits turned at random have "
        f"{edge['k_random']:.2f} on average; by it, for {_percent(edge['k_diagonal'])} of the "
        "tokens the key that matches best is one that stands right after the same token.",
        f"Head {receiver} then copies what it attends to: its OV circuit raises the token itself "
        f"(positivity {edge['ov_positivity']:.2f} on a scale from −1 to 1).",
    ]


def _smear(edge: dict[str, Any], model: ModelFindings) -> list[str]:
    return [
        f"In the {model.kind} no second head is needed: the part of the previous token in the keys "
        f"of head {edge['receiver']} matches {_percent(edge['k_diagonal'])} of the tokens best "
        f"with themselves, and its OV circuit copies, too ({edge['ov_positivity']:.2f})."
    ]


def _one_layer(results: Results, model: ModelFindings) -> list[str]:
    """The skip-trigram with the largest effect, of those that the text has."""
    rows = [
        row
        for row in results["circuit_trigrams"]
        if row["cell"] == model.first.name and row["is_last"] and row["pairs"]
    ]
    if not rows:
        return []
    row = max(rows, key=lambda row: row["effect"])
    source, destination, out = (
        f"“{with_visible_spaces(row[part])}”" for part in ("source", "destination", "out")
    )
    return [
        f"The {model.kind} has no later head that could read what an earlier one wrote. It "
        "predicts from the current token, and its heads add skip-trigrams: pairs of tokens, with "
        f"anything between them, that make a third likelier. The strongest: after {source}, and "
        f"now {destination}, it expects {out}, which came next in {row['seen']:,} of "
        f"{row['pairs']:,} such places of the text."
    ]


def _shares(circuit: dict[str, Any]) -> list[str]:
    said = []
    if cut := circuit["cut"]:
        said.append(
            "Cutting the circuit, which leaves the heads all that they read and write elsewhere, "
            f"takes {_share(cut)} of in-context learning away"
            + (
                f"; the circuit alone, with the direct path from token to token, keeps "
                f"{_share(circuit['kept'])}."
                if circuit["kept"]
                else "."
            )
        )
    return said


def _share(row: dict[str, Any]) -> str:
    ends = ""
    if row["share_low"] is not None:
        ends = f" (interval {100 * row['share_low']:.0f} to {100 * row['share_high']:.0f})"
    return f"{_percent(row['share'])}{ends}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
