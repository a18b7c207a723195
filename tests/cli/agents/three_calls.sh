#!/bin/sh
# A jsonl agent of three tool calls. With LANEQ_GATE set, the second call waits for a line there.
read -r _first
while :; do
  echo '{"plan":["a","b","c"]}'; read -r answer
  for call in a b c; do
    echo "{\"tool\":\"start\",\"call\":\"$call\",\"name\":\"t\"}"; read -r answer
    case $answer in *'"go"'*) ;; *) break ;; esac
    if [ "$call" = b ] && [ -n "$LANEQ_GATE" ]; then
      echo '{"say":"in the second call"}'; read -r answer
      read -r _go < "$LANEQ_GATE"
    fi
    echo "{\"tool\":\"finish\",\"call\":\"$call\",\"result\":1}"; read -r answer
    case $answer in *'"go"'*) ;; *) break ;; esac
  done
  case $answer in *'"stop"'*) exit 1 ;; esac
  echo '{"settle":true}'; read -r results
  echo "{\"end\":\"settled\"}"; read -r answer
  case $answer in *closed*) exit 0 ;; *steers*) ;; *) exit 1 ;; esac
done
