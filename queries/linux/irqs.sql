-- Interrupts.

-- Hard interrupts: slices on tracks of type cpu_irq.
--
-- Columns: ts, dur (ns), name, id, parent_id (the interrupt that it preempted); trace.
CREATE VIEW linux_hard_irqs AS
SELECT s.ts, s.dur, s.name, s.id, s.parent_id, s.trace
FROM slice s JOIN track t ON t.id = s.track_id WHERE t.type = 'cpu_irq';

-- Soft interrupts: slices on tracks of type cpu_softirq.
--
-- Columns: ts, dur (ns), name, id; trace.
CREATE VIEW linux_soft_irqs AS
SELECT s.ts, s.dur, s.name, s.id, s.trace
FROM slice s JOIN track t ON t.id = s.track_id WHERE t.type = 'cpu_softirq';

-- Interrupts of both kinds.
--
-- Columns: ts, dur (ns), name, id, parent_id; is_soft_irq; trace.
CREATE VIEW linux_irqs AS
SELECT ts, dur, name, id, parent_id, false AS is_soft_irq, trace FROM linux_hard_irqs
UNION ALL
SELECT ts, dur, name, id, NULL, true, trace FROM linux_soft_irqs;
