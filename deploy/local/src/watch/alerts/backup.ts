import { risen, type Alert, type Group, type Times } from './alert.ts';
import { limits } from './limits.ts';

/** The backup: these need `tradecore backup --follow` among the targets. */
export function backupAlerts({ span, age }: Times): Group {
  const seen = `last_over_time(tradecore_backup_base_age_seconds[${span(604_800)}])`;
  const alerts: Alert[] = [
    {
      alert: 'BackupAway',
      severity: 'critical',
      expr: `group by (namespace) (${seen}) unless on (namespace) tradecore_backup_base_age_seconds`,
      for: span(300),
      summary: 'This fleet had a backup that followed it, and has none now.',
      runbook: 'backup-behind',
    },
    {
      alert: 'BackupBehind',
      severity: 'critical',
      expr: `min by (namespace) (tradecore_backup_restorable_age_seconds) > ${age(limits.restorableSeconds)}`,
      for: span(300),
      summary: 'What was committed in the last minutes could not be restored.',
      runbook: 'backup-behind',
    },
    {
      alert: 'BackupSlotLost',
      severity: 'warning',
      expr: risen('tradecore_backup_series_begun_total{reason="slot-lost"}', span(86_400)),
      summary: 'WAL was lost before the backup had it; moments between the last and the new base can not be restored.',
      runbook: 'backup-behind',
    },
    {
      alert: 'BackupTooOld',
      severity: 'critical',
      expr: `min by (namespace) (tradecore_backup_base_age_seconds) > ${age(limits.baseSeconds)}`,
      for: span(300),
      summary: 'The newest base is older than a day and a half; a restore takes longer each hour.',
      runbook: 'backup-behind',
    },
    {
      alert: 'RestoreNotTested',
      severity: 'warning',
      expr: `min by (namespace) (tradecore_backup_restore_age_seconds) > ${age(limits.restoreSeconds)}`,
      for: span(3600),
      summary: 'No restore out of the backup has ended well for eight days.',
      runbook: 'backup-behind',
    },
  ];
  return { name: 'tradecore-backup', alerts };
}
