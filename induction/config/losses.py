"""Section `losses`: how sequences are fed to the models that are measured."""

from typing import Annotated

from induction.config.strict import settings, within


@settings
class LossSettings:
    batch: Annotated[int, within(1, 65_536, "their activations fill the memory")]
    gpu_batch: Annotated[int, within(1, 65_536, "their activations fill the memory")]

    def batch_of(self, on_gpu: bool) -> int:
        """Sequences per forward pass: a core has them in its cache, a GPU has to be kept busy."""
        return self.gpu_batch if on_gpu else self.batch
