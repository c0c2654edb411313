# Notes for the page of the night that a unit ended otherwise than it was told to.
# `ExecStopPost=-/bin/sh ended.sh UNIT`; systemd says how it ended (systemd.exec(5)).
[ "$SERVICE_RESULT" = success ] && exit 0
log="$IVR_HOME/log/units.log"
mkdir -p "$IVR_HOME/log"
[ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt 1000000 ] && mv "$log" "$log.1"
echo "$(date '+%F %T%z') WARNING systemd: $1 ended ($SERVICE_RESULT, $EXIT_CODE $EXIT_STATUS)" >> "$log"
