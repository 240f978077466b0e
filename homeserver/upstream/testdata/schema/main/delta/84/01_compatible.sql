INSERT INTO settings (name) VALUES ('of 84');
INSERT INTO step_log (step) VALUES ('main 84/01_compatible.sql');
