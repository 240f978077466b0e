INSERT INTO step_log (step) VALUES ('main 74/0400digits.sql');
