-- synapse: in the files of others this is no mark
/* remarks; with a semicolon */
INSERT INTO settings (name) VALUES ('a;b -- c /* d');
INSERT INTO step_log (step) VALUES ('main 88/01_texts.sql');
