"""The images that builds may name. Every one of them is the runner's own toolchain here; the list says so."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params

_IMAGES = (
    ("UBUNTU", "aws/codebuild/standard:7.0"),
    ("UBUNTU", "aws/codebuild/standard:8.0"),
    ("AMAZON_LINUX", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
    ("AMAZON_LINUX", "aws/codebuild/amazonlinux-aarch64-standard:3.0"),
)


class Images:
    """Listing of images."""

    def list_curated_environment_images(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The image names that AWS's documentation uses; each stands for the toolchain of the runner's host."""
        platforms: dict[str, list[dict[str, Any]]] = {}
        for platform, name in _IMAGES:
            said = f"{name}: run with the toolchain of the build runner's host"
            platforms.setdefault(platform, []).append({"name": name, "description": said, "versions": [name]})
        return {
            "platforms": [
                {"platform": platform, "languages": [{"language": "BASE", "images": images}]}
                for platform, images in platforms.items()
            ]
        }
