"""Folders in which a document lies: as a plain file, and as the kubelet mounts it."""

import os
from pathlib import Path
from typing import Any

from kurs.config.resources import (
    ConfiguredThreshold,
    RiskDocument,
    RiskPayload,
    RiskThresholdSpec,
    SourceRef,
)


def document(*names: str, generation: int = 1, **spec: Any) -> RiskDocument:
    """Return a document with these thresholds."""
    thresholds = tuple(
        ConfiguredThreshold(name=name, spec=RiskThresholdSpec.model_validate(spec))
        for name in names
    )
    sources = [SourceRef(kind="RiskThreshold", name=name, generation=generation) for name in names]
    return RiskDocument.build(RiskPayload(thresholds=thresholds), sources)


class Mount:
    """A folder in which a document lies as a plain file, replaced by rename."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, content: RiskDocument | str) -> None:
        draft = self.folder / "draft"
        draft.write_text(content if isinstance(content, str) else content.to_json())
        draft.replace(self.folder / "config.json")

    def remove(self) -> None:
        (self.folder / "config.json").unlink()


class ConfigMapMount(Mount):
    """A folder as the kubelet mounts a ConfigMap: the file is a link through `..data`."""

    turn = 0

    def write(self, content: RiskDocument | str) -> None:
        self.turn += 1
        folder = self.folder / f"..2026_{self.turn}"
        folder.mkdir()
        text = content if isinstance(content, str) else content.to_json()
        (folder / "config.json").write_text(text)
        # The kubelet keeps the file's time, so a swap may change nothing but the link.
        os.utime(folder / "config.json", (1_767_225_600, 1_767_225_600))
        (self.folder / "..data_tmp").symlink_to(folder.name)
        (self.folder / "..data_tmp").replace(self.folder / "..data")
        if not (self.folder / "config.json").is_symlink():
            (self.folder / "config.json").symlink_to("..data/config.json")

    def remove(self) -> None:
        (self.folder / "config.json").unlink()
        (self.folder / "..data").unlink()
