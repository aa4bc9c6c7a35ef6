"""Steps whose Beam work is large, in processes of their own, so that it uses all cores of the machine."""
