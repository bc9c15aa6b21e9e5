"""What a training costs on devices that are not here: pure arithmetic on what a few updates here have shown.

    devices.py     what vendors say of their devices
    arithmetic.py  time, memory and bytes on the wire from counts (docs/explanation/cost.md)
    counted.py     multiply-adds and kept tensors of an update

May import nothing of the house. In: counts of one update, and seconds that it took. Out: what a device would need.
"""
