INSERT INTO step_log (step) VALUES ('main 80/02_second.sql');
