using System.IO.Compression;
using System.Runtime.InteropServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using RlNotebooks.Documents;
using RlNotebooks.Engine.Directives;
using RlNotebooks.Engine.Packages;

namespace RlNotebooks.Tests;

[Collection(ProcessStateCollection.Name)]
public sealed class DirectiveTests : IDisposable
{
    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [Fact]
    public async Task A_loaded_script_is_relative_to_the_notebook()
    {
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "more.csx"), "int Twice(int x) => 2 * x;");
        Assert.Null((await work.RunAsync("#load \"more.csx\"\nTwice(4)")).Failure);
        Assert.Equal("8", work.Text(0));
    }

    [Fact]
    public async Task An_import_runs_a_script_or_a_notebooks_code_cells_at_its_place()
    {
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "a.cs"), "var fromScript = before + 1;");
        var other = Notebook.Create();
        other.InsertCode(0, "a", "var one = 1;");
        other.InsertCode(1, "b", "var two = one + fromScript;");
        other.Save(Path.Combine(work.Folder, "b.ipynb"));
        Assert.Null((await work.RunAsync("var before = 4;\n#!import a.cs\n#!import b.ipynb\ntwo")).Failure);
        Assert.Equal("6", work.Text(0));
    }

    [Fact]
    public async Task An_error_after_an_import_has_the_cells_line_and_one_inside_names_the_file()
    {
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "a.cs"), "var a = 1;\nint b = \"text\";");
        Assert.Equal(3, (await work.RunAsync("var c = 1;\n#!time\nthrow new Exception();")).Failure!.Line);
        await work.RunAsync("#!import a.cs");
        Assert.Contains("a.cs, line 2, column 9: error CS0029", work.Text(0), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_of_itself_ends()
    {
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "a.cs"), "#!import a.cs");
        Assert.Contains("import itself", (await work.RunAsync("#!import a.cs")).Failure!.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Time_is_told_and_the_value_stays()
    {
        await work.RunAsync("#!time\n1 + 1");
        Assert.Matches(@"^Wall time: [0-9.]+ms$", work.Text(0));
        Assert.Equal("2", work.Text(0, 1));
    }

    [Fact]
    public async Task Directives_inside_a_raw_string_are_text()
    {
        await work.RunAsync("var s = \"\"\"\n    #!fsharp\n    #r \"nuget: X, 1\"\n    \"\"\";\ns.Split('\\n').Length");
        Assert.Equal("2", work.Text(0));
    }

    [Fact]
    public async Task A_package_comes_with_its_natives_and_is_known_to_later_cells()
    {
        PackNative(Path.Combine(work.Folder, "feed"), "Rl.Test.Native", "1.2.3");
        var report = await work.RunAsync("#i \"nuget: feed\"\n#r \"nuget: Rl.Test.Native, 1.2.3\"\nRlTest.Native.Id() == Environment.ProcessId", "typeof(RlTest.Native).Name");
        Assert.Null(report.Failure);
        Assert.Equal(("true", "Native"), (work.Text(0), work.Text(1)));
    }

    [Fact]
    public async Task A_package_that_carries_an_extension_sets_the_notebook_up_once()
    {
        PackNative(Path.Combine(work.Folder, "feed"), "Rl.Test.Extended", "1.0.0", "#!meta\n{}\n\n#!markdown\n# Hello\n\n#!csharp\nusing RlTest;\nvar setUps = 1;\n");
        var report = await work.RunAsync("#i \"nuget: feed\"\n#r \"nuget: Rl.Test.Extended, 1.0.0\"\nnameof(Native) + setUps++", "#r \"nuget: Rl.Test.Extended\"\nsetUps");
        Assert.Null(report.Failure);
        Assert.Equal(("Native1", "2"), (work.Text(0), work.Text(1)));
    }

    [Theory]
    [InlineData("#!csharp\nvar a = 40;\n#!markdown\nvar a = 1;\n#!csharp\nvar b = a + 2;\n", null)]
    [InlineData("var a = 40;\nvar b = 42;", null)]
    [InlineData("#!csharp\nvar b = 42;\n#!fsharp\nlet a = 1\n", "x.dib: a cell is written in fsharp; this kernel runs C# only.")]
    public async Task A_script_file_of_dotnet_interactive_can_be_imported(string file, string? error)
    {
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "x.dib"), file);
        var report = await work.RunAsync("#!import x.dib", "b");
        if (error is null)
        {
            Assert.Equal("42", work.Text(1));
        }
        else
        {
            Assert.Contains(error, report.Failure!.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_unknown_package_is_named_with_its_line()
    {
        Directory.CreateDirectory(Path.Combine(work.Folder, "feed"));
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "nuget.config"), "<configuration><packageSources><clear/><add key=\"feed\" value=\"feed\"/></packageSources></configuration>");
        var failure = (await work.RunAsync("var x = 1;\n#r \"nuget: Rl.Test.Nowhere, 9.9.9\"")).Failure!;
        Assert.Equal(2, failure.Line);
        Assert.Contains("Rl.Test.Nowhere", failure.Error, StringComparison.Ordinal);
        Assert.Contains("NU1101", failure.Error, StringComparison.Ordinal);
    }

    // A package with one managed and one native library; the native one is the runtime's own under another name.
    private static void PackNative(string feed, string id, string version, string? setUp = null)
    {
        Directory.CreateDirectory(feed);
        var source = $$"""
            [assembly: System.Reflection.AssemblyVersion("{{version}}.0")]
            namespace RlTest { public static class Native { [System.Runtime.InteropServices.DllImport("rltestnative", EntryPoint = "SystemNative_GetPid")] public static extern int Id(); } }
            """;
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(p => Path.GetFileName(p).StartsWith("System.Runtime", StringComparison.Ordinal) || p.Contains("CoreLib", StringComparison.Ordinal));
        var compilation = CSharpCompilation.Create(id, [CSharpSyntaxTree.ParseText(source)], references.Select(p => MetadataReference.CreateFromFile(p)), new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var package = ZipFile.Open(Path.Combine(feed, $"{id}.{version}.nupkg"), ZipArchiveMode.Create);
        using (var spec = new StreamWriter(package.CreateEntry($"{id}.nuspec").Open()))
        {
            spec.Write($"<package><metadata><id>{id}</id><version>{version}</version><authors>a</authors><description>d</description></metadata></package>");
        }

        using (var library = package.CreateEntry($"lib/net8.0/{id}.dll").Open())
        {
            using var assembly = new MemoryStream();
            Assert.True(compilation.Emit(assembly).Success);
            library.Write(assembly.ToArray());
        }

        if (setUp is not null)
        {
            using var file = new StreamWriter(package.CreateEntry(DibFile.ExtensionPath).Open());
            file.Write(setUp);
        }

        var (prefix, extension) = OperatingSystem.IsWindows() ? ("", ".dll") : OperatingSystem.IsMacOS() ? ("lib", ".dylib") : ("lib", ".so");
        package.CreateEntryFromFile(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), $"libSystem.Native{extension}"), $"runtimes/{PackageRestore.RuntimeIdentifier}/native/{prefix}rltestnative{extension}");
    }
}
