INSERT INTO step_log (step) VALUES ('main 80/01_first.sql');
