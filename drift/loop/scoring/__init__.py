"""Scoring blocks of rows, with the champion alone or beside a challenger in shadow."""
