"""What each figure shows, and under which heading of the page it stands."""

SECTIONS = {
    "In one figure": ("answer",),
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
        "qk_trace",
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

# Of the page of circuits, in its order.
CIRCUITS = (
    "circuit_paths",
    "circuit_edges",
    "circuit_graph",
    "circuit_compositions",
    "circuit_attention",
    "circuit_positions",
    "circuit_offsets",
    "circuit_eigenvalues",
    "circuit_parts",
    "circuit_orders",
    "circuit_direct",
    "circuit_trigrams",
)

CAPTIONS = {
    "answer": "In-context learning, and the highest prefix matching of any head, over training. "
    "One line per model: its lowest seed; thick inside its phase window.",
    "qk_trace": "The trace of every head's QK circuit with the previous-token heads before it: "
    "positive where a token looks for keys that it preceded. It does not exist in the first layer. "
    "The lowest seed of each model.",
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
    "phase window of ICL, by the published rule. QK positivity is the trace of the QK circuit "
    "without its scale, of the head that ends with the highest prefix matching. Signals that do "
    "not change have no dates: the table below says why. Models in which none does are left out.",
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
    "circuit_paths": "Is the circuit necessary and enough? In-context learning of the whole "
    "model, with the circuit's edges cut, with nothing but the circuit and the direct path, and "
    "with the direct path alone; what is cut gives its mean. At the end of training, a dot per "
    "seed, with bootstrap intervals over sequences. Models without a circuit have no panel.",
    "circuit_edges": "What in-context learning loses when one edge, from what a head writes into "
    "the keys of a later head, is cut. One line per edge; blue: edges that meet all of the rule "
    "at that checkpoint. The lowest seed of each model.",
    "circuit_graph": "K-composition between heads, at every checkpoint read: wider where more "
    "rows of the circuit W_E W_QK (W_OV)ᵀ W_Eᵀ have their maximum on the diagonal, so that a "
    "query looks for keys preceded by its own token. Blue: the induction circuit.",
    "circuit_compositions": "Composition scores by Frobenius norms, over all of training: what a "
    "later head reads of what an earlier one writes, into queries, keys and values, minus the mean "
    "of circuits in random orientations. One line per pair of heads and input.",
    "circuit_attention": "The circuit's sender and its receiver on BOS and a random block that "
    "comes twice, at every checkpoint read. The sender finds the previous token; later the "
    "receiver finds what followed the last time. Attention below 0.05 is left out.",
    "circuit_positions": "Attention to the previous token: by the position circuit alone, without "
    "any token, and as measured on text. Every head of every cell at the end of training; "
    "colours: whether the position circuit is a term of its own.",
    "circuit_offsets": "The position circuits, pos W_QK posᵀ, by distance: attention to the token "
    "itself (0), the previous one (1) and so on, at the end of training.",
    "circuit_eigenvalues": "Eigenvalues of W_E W_OV W_U of every head, divided by the largest of "
    "their head: on the right, the head raises the logit of what it attends to. End of training.",
    "circuit_parts": "Direct logit attribution: what the token itself, each head, each MLP and "
    "the bias of the last LayerNorm give the right token's logit, above the mean logit. On text "
    "late in the context and on random blocks from their second repeat on. End of training.",
    "circuit_orders": "What paths through exactly so many heads in a row take off the loss, with "
    "attention patterns held: 1 counts heads that read tokens, 2 heads that read heads through "
    "their values (V-composition). End of training, a dot per seed.",
    "circuit_direct": "The direct path W_E W_U as a table of bigrams: its KL divergence from that "
    "of the training text, mean over the most common tokens. Dashed: from single-token "
    "frequencies. One line per seed.",
    "circuit_trigrams": "Skip-trigrams of one-layer models, source … destination → out: attention "
    "by the QK circuit times what the OV circuit raises. Colour: how much likelier the text has "
    "the out with the source than without. ␣ is a space, ↵ a line end. End of training.",
}
