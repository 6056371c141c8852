// A clang plugin: writes down where the compiler sees the names of the C library's allocator.
//
//   clang -fsyntax-only -fplugin=calls.so -fplugin-arg-calls-out=FILE x.c
//
// One record per line, fields separated by tabs; offsets are bytes in the file where the token is
// *spelled*, so that a call in the body of a macro counts at the macro's definition:
//
//   file    PATH ENTRY                 the preprocessor entered the file; ENTRY tells visits apart
//   skipped PATH START END ENTRY       a branch of a conditional that was inactive in this visit
//   macro   PATH START END             the directive of a macro definition, name to last token
//   call    PATH OFFSET NAME           callee of a call of the C library's function
//   value   PATH OFFSET NAME           the C library's function, used as a value
//   other   PATH OFFSET NAME           a function of that name that is not the C library's
//   extern  PATH OFFSET NAME           callee declared only by the program, and not defined here
//   define  PATH OFFSET NAME           definition with external linkage
//   token   PATH OFFSET NAME           the parser got an identifier of that name
//   mapped  PATH OFFSET NAME           the identifier named a macro and was expanded
//   string  PATH OFFSET NAME           an argument that a macro makes a string of
//   dropped PATH OFFSET NAME           an argument that a macro does not use

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/RecursiveASTVisitor.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/FrontendPluginRegistry.h"
#include "clang/Lex/MacroArgs.h"
#include "clang/Lex/MacroInfo.h"
#include "clang/Lex/PPCallbacks.h"
#include "clang/Lex/Preprocessor.h"
#include "llvm/ADT/StringSet.h"

#include <set>
#include <string>
#include <system_error>

using namespace clang;

namespace {

const llvm::StringSet<> &names() {
  static const llvm::StringSet<> Names = {
      "malloc",        "free",           "calloc", "realloc", "reallocarray",
      "aligned_alloc", "posix_memalign", "strdup", "strndup", "malloc_usable_size"};
  return Names;
}

// The records of one translation unit, each once.
class Records {
public:
  explicit Records(SourceManager &SM) : SM(SM) {}

  void name(StringRef Kind, SourceLocation Loc, StringRef Name) {
    std::string Path;
    unsigned Offset;
    if (place(Loc, Path, Offset))
      add(Kind, Path, std::to_string(Offset) + "\t" + Name.str());
  }

  void macro(SourceLocation Begin, SourceLocation End) {
    std::string Path, Other;
    unsigned From, To;
    if (place(Begin, Path, From) && place(End, Other, To) && Path == Other)
      add("macro", Path, std::to_string(From) + "\t" + std::to_string(To));
  }

  void skipped(SourceRange Range) {
    std::string Path, Other;
    unsigned From, To;
    if (place(Range.getBegin(), Path, From) && place(Range.getEnd(), Other, To))
      add("skipped", Path,
          std::to_string(From) + "\t" + std::to_string(To) + "\t" + entry(Range.getBegin()));
  }

  void file(SourceLocation Loc) {
    std::string Path;
    unsigned Offset;
    if (place(Loc, Path, Offset))
      add("file", Path, entry(Loc));
  }

  void write(StringRef To) const {
    std::error_code Error;
    llvm::raw_fd_ostream Out(To, Error);
    if (Error)
      llvm::report_fatal_error(llvm::Twine("cannot write ") + To);
    for (const std::string &Line : Lines)
      Out << Line << '\n';
  }

private:
  // False for system headers, the command line and pasted tokens: no place of the program.
  bool place(SourceLocation Loc, std::string &Path, unsigned &Offset) const {
    if (Loc.isInvalid())
      return false;
    Loc = SM.getSpellingLoc(Loc);
    if (SM.isInSystemHeader(Loc))
      return false;
    auto [File, At] = SM.getDecomposedLoc(Loc);
    OptionalFileEntryRef Entry = SM.getFileEntryRefForID(File);
    if (!Entry)
      return false;
    Path = Entry->getFileEntry().tryGetRealPathName().str();
    Offset = At;
    return !Path.empty();
  }

  std::string entry(SourceLocation Loc) const {
    return std::to_string(SM.getFileID(Loc).getHashValue());
  }

  void add(StringRef Kind, const std::string &Path, const std::string &Rest) {
    Lines.insert(Kind.str() + "\t" + Path + "\t" + Rest);
  }

  SourceManager &SM;
  std::set<std::string> Lines;
};

class Preprocessing : public PPCallbacks {
public:
  Preprocessing(Records &Out, Preprocessor &PP) : Out(Out), PP(PP) {}

  void FileChanged(SourceLocation Loc, FileChangeReason Reason, SrcMgr::CharacteristicKind,
                   FileID) override {
    if (Reason == EnterFile)
      Out.file(Loc);
  }

  void SourceRangeSkipped(SourceRange Range, SourceLocation) override {
    Out.skipped(Range);
  }

  void MacroDefined(const Token &Name, const MacroDirective *Directive) override {
    SourceLocation Last = Directive->getMacroInfo()->getDefinitionEndLoc();
    Out.macro(Name.getLocation(),
              Lexer::getLocForEndOfToken(Last, 0, PP.getSourceManager(), PP.getLangOpts()));
  }

  void MacroExpands(const Token &Name, const MacroDefinition &Definition, SourceRange,
                    const MacroArgs *Arguments) override {
    StringRef Text = Name.getIdentifierInfo()->getName();
    if (names().contains(Text))
      Out.name("mapped", Name.getLocation(), Text);
    if (Arguments)
      arguments(*Definition.getMacroInfo(), *Arguments);
  }

private:
  void arguments(const MacroInfo &Macro, const MacroArgs &Arguments) {
    unsigned Index = 0;
    for (const IdentifierInfo *Parameter : Macro.params()) {
      bool Used = false, String = false, Hash = false;
      for (const Token &Token : Macro.tokens()) {
        bool Here = Token.getIdentifierInfo() == Parameter;
        Used |= Here;
        String |= Here && Hash;
        Hash = Token.is(tok::hash);
      }
      const Token *Argument = Arguments.getUnexpArgument(Index++);
      for (; (String || !Used) && Argument->isNot(tok::eof); ++Argument)
        if (const IdentifierInfo *Word = Argument->getIdentifierInfo())
          if (names().contains(Word->getName()))
            Out.name(String ? "string" : "dropped", Argument->getLocation(), Word->getName());
    }
  }

  Records &Out;
  Preprocessor &PP;
};

class Visitor : public RecursiveASTVisitor<Visitor> {
public:
  Visitor(Records &Out, SourceManager &SM) : Out(Out), SM(SM) {}

  bool shouldVisitTemplateInstantiations() const { return false; }

  bool VisitFunctionDecl(FunctionDecl *Function) {
    if (named(Function) && Function->isThisDeclarationADefinition() &&
        Function->isExternallyVisible())
      Out.name("define", Function->getLocation(), Function->getName());
    return true;
  }

  // Callees come before the references in them: TraverseStmt is preorder.
  bool VisitCallExpr(CallExpr *Call) {
    if (const DeclRefExpr *Callee = reference(Call->getCallee()))
      Callees.insert(Callee);
    return true;
  }

  bool VisitDeclRefExpr(DeclRefExpr *Reference) {
    const auto *Function = dyn_cast<FunctionDecl>(Reference->getDecl());
    if (!Function || !named(Function))
      return true;
    bool Called = Callees.count(Reference);
    Out.name(kind(Function, Called), Reference->getLocation(), Function->getName());
    return true;
  }

private:
  static bool named(const FunctionDecl *Function) {
    return Function->getIdentifier() && names().contains(Function->getName());
  }

  // `free`, `(free)`, `(*free)` and `(&free)` all name the function.
  static const DeclRefExpr *reference(const Expr *Callee) {
    for (;;) {
      Callee = Callee->IgnoreParenCasts();
      const auto *Unary = dyn_cast<UnaryOperator>(Callee);
      if (!Unary || (Unary->getOpcode() != UO_Deref && Unary->getOpcode() != UO_AddrOf))
        return dyn_cast<DeclRefExpr>(Callee);
      Callee = Unary->getSubExpr();
    }
  }

  StringRef kind(const FunctionDecl *Function, bool Called) const {
    if (Function->isDefined() || !Function->isExternallyVisible())
      return "other";
    // A declaration with the library's type makes clang recognise the builtin, and an implicit
    // declaration is one.
    bool Library = Function->getBuiltinID() != 0;
    for (const FunctionDecl *Declaration : Function->redecls())
      Library |= SM.isInSystemHeader(SM.getSpellingLoc(Declaration->getLocation()));
    if (!Library)
      return Called ? "extern" : "other";
    return Called ? "call" : "value";
  }

  Records &Out;
  SourceManager &SM;
  std::set<const DeclRefExpr *> Callees;
};

class Consumer : public ASTConsumer {
public:
  Consumer(CompilerInstance &CI, std::string To)
      : CI(CI), Out(CI.getSourceManager()), To(std::move(To)) {
    Preprocessor &PP = CI.getPreprocessor();
    PP.addPPCallbacks(std::make_unique<Preprocessing>(Out, PP));
    PP.setTokenWatcher([this](const Token &Token) {
      if (!Token.isAnnotation() && Token.is(tok::identifier) &&
          names().contains(Token.getIdentifierInfo()->getName()))
        Out.name("token", Token.getLocation(), Token.getIdentifierInfo()->getName());
    });
  }

  void HandleTranslationUnit(ASTContext &Context) override {
    Visitor(Out, CI.getSourceManager()).TraverseDecl(Context.getTranslationUnitDecl());
    // A unit with errors is no witness: the driver reports it as not compiled.
    if (!CI.getDiagnostics().hasErrorOccurred())
      Out.write(To);
  }

private:
  CompilerInstance &CI;
  Records Out;
  std::string To;
};

class Action : public PluginASTAction {
protected:
  std::unique_ptr<ASTConsumer> CreateASTConsumer(CompilerInstance &CI, StringRef) override {
    return std::make_unique<Consumer>(CI, Out);
  }

  bool ParseArgs(const CompilerInstance &, const std::vector<std::string> &Arguments) override {
    for (StringRef Argument : Arguments)
      if (Argument.consume_front("out="))
        Out = Argument.str();
    return !Out.empty();
  }

  ActionType getActionType() override { return ReplaceAction; }

private:
  std::string Out;
};

} // namespace

static FrontendPluginRegistry::Add<Action>
    Registered("calls", "write down the calls of the C library's allocator");
