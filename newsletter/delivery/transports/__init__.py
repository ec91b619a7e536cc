"""Ways out: `smtp` (a relay), `folder` (files, for dry runs), `memory` (tests)."""
