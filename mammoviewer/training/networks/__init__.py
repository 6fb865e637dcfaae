"""Networks, one family a module. Those of the zoo carry the parameter names of torchvision, so that its weights fit."""
