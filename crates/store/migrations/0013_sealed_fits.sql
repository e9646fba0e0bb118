-- Classifiers are sealed from now on. Those of before are emptied; the first search of their collection has them fitted again.
update fits set data = substr(data, 1, 0);
