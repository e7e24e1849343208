"""The supervision agent: runs only under a signed order for this device, in the open, within its scope, and stops at its end."""
