/* The admin's periodic task form says in words what the chosen crontab means. */
"use strict";

const words = JSON.parse(document.getElementById("readable-crontabs").textContent || "{}");
const select = document.getElementById("id_crontab");
const help = document.querySelector(".field-crontab .help");
document.querySelector(".field-crontab_translation")?.setAttribute("hidden", "");
if (select && help) {
  const line = document.createElement("p");
  help.append(line);
  const say = () => { line.textContent = words[select.value] ? `Translation: ${words[select.value]}` : ""; };
  select.addEventListener("change", say);
  say();
}
