"""Marks: the same place, the same thing. A region of a picture, its name, and the other pictures it stands in."""
