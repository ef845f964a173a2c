"""What each figure shows, and under which heading of the page it stands."""

SECTIONS = {
    "In-context learning and its change": (
        "icl",
        "loss",
        "learning",
        "loss_map",
        "slope_map",
        "pca",
        "phases",
    ),
    "What the heads are": (
        "prefix_matching",
        "previous_token",
        "gates",
        "circuit",
        "repeats",
    ),
    "What the heads carry": (
        "ablation_full",
        "ablation_pattern",
        "undone",
        "interventions",
    ),
}

CAPTIONS = {
    "icl": "In-context learning over training: loss late in the context minus loss early, so "
    "more in-context learning is lower. One line per seed, with its bootstrap interval over "
    "sequences. Dotted: the paper's two positions. Yellow: the phase window of each seed. "
    "Models of periodic text have scales of their own, here and below.",
    "loss": "Mean loss over the evaluation set, with its interval. One line per seed. Levels on "
    "different texts cannot be compared.",
    "learning": "d loss / d ln(tokens): what a model learns from reading more, lower is more. "
    "Fitted over neighbouring checkpoints. Yellow: the phase window of each seed.",
    "loss_map": "Loss over training and position in the context. Dashed: the phase window. One "
    "cell per model: its lowest seed, on the study's text, trained as the study trains.",
    "slope_map": "d loss / d ln(position): blue where more context lowers the loss, red where it "
    "raises it; clipped at ±0.5. Dashed: the phase window. The same cells.",
    "pca": "Joint PCA of the loss vectors. Each panel shows one cell's path in the common plane "
    "(grey: all cells on the study's text; square: the end; orange: the phase window).",
    "phases": "When each signal changes. Bars reach from start to end, dots mark the middle, thin "
    "lines are bootstrap intervals of the three (none where nothing can be resampled). Dark: by "
    "levels (10, 50, 90 % of the rise); light: by slope. A bar per seed, from above; yellow: the "
    "phase window of ICL, by the published rule. Signals that do not change have no dates: the "
    "table below says why. Models in which none does are left out.",
    "prefix_matching": "Prefix matching of every head on repeated random tokens: the share of "
    "attention on the tokens that followed earlier occurrences of the current one. The two best "
    "heads are named, unless they are near the bottom. One cell per panel: the model's lowest "
    "seed.",
    "previous_token": "Attention to the previous token on held-out text, every head. The lowest "
    "seed of each model.",
    "gates": "Models with smeared keys: the share of its own key that a position keeps, every "
    "head; the rest is the previous position's key. The lowest seed of each model.",
    "circuit": "Every head of every cell at the end of training. Left: heads whose OV circuit "
    "copies by its eigenvalues, against copying in their output. Right: heads whose QK circuit "
    "matches tokens through earlier previous-token heads, by its eigenvalues, against prefix "
    "matching; heads of the first layer have no such term.",
    "repeats": "Loss on random blocks by how often the block came before, at the end of training; "
    "mean over a model's seeds. Solid: one repeat after another; dashed: with random gaps between, "
    "so that no fixed distance helps.",
    "ablation_full": "Full ablation: ICL without a head (its output set to zero) minus ICL of the "
    "whole model. Above zero, the head carries in-context learning. The lowest seed of each model.",
    "ablation_pattern": "Pattern-preserving ablation: the same with all later attention patterns "
    "held, so that only the path through values is cut.",
    "undone": "The share of the change that removing a head undoes: -(a·b)/|b|², where b is the "
    "change of the loss vector over the phase window and a what the ablation adds to it. "
    "Models without a phase change have no such b, and no panel.",
    "interventions": "The share of in-context learning that goes at the end of training, 1 - "
    "ICL/ICL of the whole model. Large dots: seeds, with bootstrap intervals over sequences. Small "
    "dots: random sets of as many other heads of the same layers. Knocked out: induction heads may "
    "not attend to the tokens after matches, or, as a control, to as many other keys. Intervals "
    "are cut at the frame. Models whose in-context learning does not change have next to none to "
    "share out, and no panel.",
}
