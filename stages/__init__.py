"""The stages of `dvc.yaml`, one module each: what it reads, what it writes, and `main`."""
