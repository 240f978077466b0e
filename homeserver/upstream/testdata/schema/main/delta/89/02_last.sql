INSERT INTO step_log (step) VALUES ('main 89/02_last.sql');
