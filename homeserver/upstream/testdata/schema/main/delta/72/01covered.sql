INSERT INTO step_log (step) VALUES ('main 72/01covered.sql');
