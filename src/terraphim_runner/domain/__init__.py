"""Words everything else is built from: ids, states, conclusions, diagnostics, events, errors. Pure."""
