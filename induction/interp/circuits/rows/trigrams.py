"""Tables `skip_trigrams` and `skip_trigram_bugs`."""

from induction.config.circuits import CircuitSettings
from induction.interp.circuits import trigrams
from induction.interp.circuits.edges import Head, heads_of
from induction.interp.circuits.rows.columns import Row, RowsByTable, head_key
from induction.interp.circuits.token_circuits import TokenCircuits
from induction.interp.circuits.vocabulary import Vocabulary
from induction.models.transformer import Transformer
from induction.tables import circuits as tables


def trigram_rows(
    model: Transformer,
    circuits: TokenCircuits,
    counts: trigrams.Counts,
    settings: CircuitSettings,
    vocab: Vocabulary,
    spell: trigrams.Spell,
) -> RowsByTable:
    """No rows for models of more than one layer."""
    rows: RowsByTable = {tables.SKIP_TRIGRAMS: [], tables.SKIP_TRIGRAM_BUGS: []}
    if model.arch.n_layers > 1:
        return rows
    for head in heads_of(model):
        candidates = trigrams.counted(
            trigrams.sources(
                circuits.qk(head),
                circuits.ov(head),
                vocab.weight,
                vocab.common,
                settings.context,
                trigrams.WIDTH,
            ),
            counts,
            settings.among,
        )
        largest = trigrams.largest(candidates, settings.entries, settings.min_seen)
        rows[tables.SKIP_TRIGRAMS] += [
            _row(head, row, trigram, vocab) | {"example": counts.example(trigram, spell)}
            for row, trigram in enumerate(largest)
        ]
        bugs = trigrams.bugs(candidates, settings.entries, settings.min_seen)
        rows[tables.SKIP_TRIGRAM_BUGS] += [
            _row(head, row, trigram, vocab) | {"role": role}
            for row, bug in enumerate(bugs)
            for role, trigram in bug._asdict().items()
        ]
    return rows


def _row(head: Head, row: int, trigram: trigrams.Trigram, vocab: Vocabulary) -> Row:
    texts = {name: vocab.texts[getattr(trigram, name)] for name in ("source", "destination", "out")}
    return head_key(head) | {"row": row} | trigram._asdict() | texts
