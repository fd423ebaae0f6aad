from zipimport import zipimporter
