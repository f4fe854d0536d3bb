"""The same workflows, run by this runner and by nektos/act, one beside the other."""
