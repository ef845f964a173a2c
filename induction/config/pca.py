"""Section `pca`: the joint PCA of the loss vectors."""

from typing import Annotated

from induction.config.strict import settings, within


@settings
class PcaSettings:
    components: Annotated[int, within(2, 10, "figures show the first two")]
