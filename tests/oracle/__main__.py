"""Both comparisons with GitHub's own code, at the size the project promises."""

from __future__ import annotations

import sys

from tests.oracle import expressions_oracle, workflow_oracle

if __name__ == "__main__":
    sys.exit(max(expressions_oracle.main([]), workflow_oracle.main([])))
