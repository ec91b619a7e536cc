#!/bin/sh
# Build the wheel, install it alone in an empty virtual environment, and start a project with it.
# Usage: check_wheel.sh PYTHON-WITH-BUILD PYTHON-FOR-THE-NEW-ENVIRONMENT
set -eu
builder=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
python=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$builder" -m build --wheel --no-isolation --outdir "$work/dist" . >/dev/null
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$work"/dist/newsletter-*.whl

cd "$work"
PATH="$work/venv/bin:$PATH"
newsletter init my-news
cd my-news
newsletter check
newsletter build
echo "The wheel works on its own."
