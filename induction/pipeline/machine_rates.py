"""The process that measures rates for `induction.pipeline.calibration`, through the code of the
stages: steps of training, losses, and losses without each head, of models with random weights."""

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from induction.config.ablations import AblationSettings
from induction.config.losses import LossSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.strict import parse
from induction.config.train import TrainSettings
from induction.interp.ablation import ablated_nll
from induction.interp.losses import token_nll
from induction.models import device as devices
from induction.models.flops import Sizes
from induction.models.training import Trainer, TrainingWindows
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.costs import Kind, Model

# Operations per second that any machine does: the first run, which finds out more, has no more than
# fit its share of the time at this rate.
SLOW = 2e9
LEAST_LENGTH = 64
MOST_RUNS = 32


@dataclass(frozen=True)
class Piece:
    """What is run of a model: so many sequences of so many tokens, perhaps of fewer layers."""

    arch: Architecture
    sequences: int
    length: int


class Rate:
    """FLOP per second of one computation."""

    def __init__(self, model: Model, kind: Kind, params: Params):
        self.model, self.kind = model, kind
        self.train = params.section("train", TrainSettings)
        self.modes = params.section("ablations", AblationSettings).modes
        self.device = devices.pick(params.get("device"))
        self.cores = torch.get_num_threads()
        on_gpu = self.device.type == "cuda"
        batch = params.section("losses", LossSettings).batch_of(on_gpu)
        at_once = batch if on_gpu else self.cores * batch
        sequences = self.train.batch if kind == "train" else at_once
        length = "corpus.n_ctx" if kind == "train" else "corpus.evaluation.tokens"
        self.whole = Piece(model.arch, sequences, params.integer(length))

    def measured(self, seconds: float) -> float:
        """In so many seconds: first what is small enough for any machine, then what fits."""
        rough = self._of(self._fitting(SLOW * seconds / 4), seconds / 8)
        return self._of(self._fitting(rough * seconds / 2), seconds / 2)

    def flop(self, piece: Piece) -> int:
        sizes = Sizes.of(piece.arch, self.model.vocab_size)
        if self.kind == "train":
            return sizes.step(piece.sequences, piece.length, self.train.optimizer == "muon")
        if self.kind == "forward":
            return piece.sequences * sizes.forward(piece.length - 1)
        return piece.sequences * sizes.ablated(piece.length - 1, self.modes)

    def _fitting(self, most: float) -> Piece:
        """All, or less where it has more FLOP: a sequence per core, fewer layers, fewer tokens."""
        piece = self.whole
        while self.flop(piece) > most:
            if piece.sequences > self.cores:
                piece = replace(piece, sequences=max(self.cores, piece.sequences // 2))
            elif piece.arch.n_layers > 1:
                piece = replace(piece, arch=replace(piece.arch, n_layers=piece.arch.n_layers // 2))
            elif piece.length > LEAST_LENGTH:
                piece = replace(piece, length=max(LEAST_LENGTH, piece.length // 2))
            else:
                return piece
        return piece

    def _of(self, piece: Piece, seconds: float) -> float:
        """The rate by the median run, of those begun within some seconds, at least one."""
        model = Transformer(piece.arch, self.model.vocab_size, piece.length)
        model.init_weights(0)
        torch.set_num_threads(self.cores)  # workers before these left one
        with Workers(self.device) as workers:
            work = self._work(piece, model.to(self.device), workers)
            times: list[float] = []
            end = time.perf_counter() + seconds
            while len(times) < MOST_RUNS and (not times or time.perf_counter() < end):
                begin = time.perf_counter()
                work()
                devices.wait(self.device)
                times.append(time.perf_counter() - begin)
        # The first meets cold caches.
        return self.flop(piece) / median(times[1:] or times)

    def _work(self, piece: Piece, model: Transformer, workers: Workers) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        vocab_size, length = self.model.vocab_size, piece.length
        if self.kind == "train":
            size = MOST_RUNS * piece.sequences * length + 1
            stream = rng.integers(0, vocab_size, size, dtype=np.uint16)
            windows = TrainingWindows(stream, length, piece.sequences, seed=0)
            # Of a batch that fits the time; to compile would take longer.
            micro_batch = math.gcd(self.train.micro_batch, piece.sequences)
            settings = replace(
                self.train, batch=piece.sequences, micro_batch=micro_batch, compile=False
            )
            return Trainer(model, windows, settings, workers).advance
        tokens = torch.from_numpy(rng.integers(0, vocab_size, (piece.sequences, length)))
        parts = tokens.to(self.device).chunk(1 if workers.on_gpu else self.cores)

        def of_part(part: torch.Tensor) -> object:
            is_whole = self.kind == "forward"
            return token_nll(model, part) if is_whole else ablated_nll(model, part, self.modes)

        return lambda: workers.map(of_part, parts)


def main() -> None:
    begin = time.perf_counter()
    request, params = json.loads(sys.stdin.read()), Params()
    end = begin + request["seconds"]
    rates: list[float] = []
    cores = torch.get_num_threads()
    for arch, vocab_size, kind in request["models"]:
        share = (end - time.perf_counter()) / (len(request["models"]) - len(rates))
        model = Model(parse(Architecture, arch, "model"), vocab_size)
        torch.set_num_threads(cores)
        rates.append(Rate(model, kind, params).measured(max(share, 0.01)))
    print(json.dumps({"rates": rates, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
