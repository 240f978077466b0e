INSERT INTO step_log (step) VALUES ('main 74/04A_upper.sql');
