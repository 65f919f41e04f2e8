-- Units of time: to nanoseconds and back. Both ways round toward zero to whole units.

-- Nanoseconds as a time, ns: time_from_ns(5) gives 5.
CREATE MACRO time_from_ns(nanos) AS nanos::BIGINT;

-- Microseconds to ns: time_from_us(5) gives 5000.
CREATE MACRO time_from_us(micros) AS micros::BIGINT * 1000;

-- Milliseconds to ns: time_from_ms(5) gives 5000000.
CREATE MACRO time_from_ms(millis) AS millis::BIGINT * 1000000;

-- Seconds to ns: time_from_s(5) gives 5000000000.
CREATE MACRO time_from_s(seconds) AS seconds::BIGINT * 1000000000;

-- Minutes to ns: time_from_min(1) gives 60000000000.
CREATE MACRO time_from_min(minutes) AS minutes::BIGINT * 60000000000;

-- Hours to ns: time_from_hours(1) gives 3600000000000.
CREATE MACRO time_from_hours(hours) AS hours::BIGINT * 3600000000000;

-- Days to ns: time_from_days(1) gives 86400000000000.
CREATE MACRO time_from_days(days) AS days::BIGINT * 86400000000000;

-- A time in whole nanoseconds: time_to_ns(5) gives 5.
CREATE MACRO time_to_ns(nanos) AS nanos::BIGINT;

-- A time in whole microseconds: time_to_us(5999) gives 5.
CREATE MACRO time_to_us(nanos) AS nanos::BIGINT // 1000;

-- A time in whole milliseconds: time_to_ms(5999999) gives 5.
CREATE MACRO time_to_ms(nanos) AS nanos::BIGINT // 1000000;

-- A time in whole seconds: time_to_s(5999999999) gives 5.
CREATE MACRO time_to_s(nanos) AS nanos::BIGINT // 1000000000;

-- A time in whole minutes: time_to_min(119000000000) gives 1.
CREATE MACRO time_to_min(nanos) AS nanos::BIGINT // 60000000000;

-- A time in whole hours: time_to_hours(7199000000000) gives 1.
CREATE MACRO time_to_hours(nanos) AS nanos::BIGINT // 3600000000000;

-- A time in whole days: time_to_days(172799000000000) gives 1.
CREATE MACRO time_to_days(nanos) AS nanos::BIGINT // 86400000000000;
